/*
 * The numbers of a few questions; past LIMIT_LINK_ASKS the other side has said more than it may.
 */
/* tidy: untested - it speaks over a connection: tests/unit/link/test_remote.c */
#include "link/asked.h"

#include "base/arena.h"
#include "base/mem.h"

struct link_asked {
	struct link_ask_sink *sink;
	struct link_wire *wire; /* NULL: nobody has asked since it began */
	uint64_t numbers[LIMIT_LINK_ASKS];
	unsigned count;
};

struct link_asked *link_asked_new(struct link_ask_sink *sink)
{
	struct link_asked *asked = mem_new(struct link_asked);
	asked->sink = sink;
	if (sink != NULL)
		sink->asked = asked;
	return asked;
}

void link_asked_free(struct link_asked *asked)
{
	if (asked == NULL)
		return;
	link_asked_end(asked);
	if (asked->sink != NULL)
		asked->sink->asked = NULL;
	mem_free(asked);
}

static void send_told(struct link_asked *asked, const struct link_told *told)
{
	struct text payload = {0};
	link_message_print_answer(told, &payload);
	if (payload.len > LIMIT_LINK_MESSAGE_BYTES) {
		text_clear(&payload);
		link_message_print_answer(&(struct link_told){.number = told->number,
		                                  .error = STR("the answer is too long")},
		        &payload);
	}
	link_wire_send(asked->wire, LINK_SAYS_ANSWER, text_str(&payload));
	text_done(&payload);
}

bool link_asked_hear(struct link_asked *asked, struct link_wire *wire, struct str payload)
{
	struct arena arena;
	const struct model_node *question;
	struct str what;
	uint64_t number;
	arena_init(&arena, NULL, 0);
	bool is_read = asked->count < LIMIT_LINK_ASKS &&
	               link_message_read_ask(&arena, payload, &number, &what, &question);
	if (is_read) {
		asked->wire = wire;
		asked->numbers[asked->count++] = number;
		if (asked->sink != NULL)
			asked->sink->on_ask(asked->sink, number, what, question);
		else
			link_asked_answer(asked, &(struct link_told){.number = number,
			                                 .error = STR("nobody knows that here")});
	}
	arena_reset(&arena);
	return is_read;
}

void link_asked_answer(struct link_asked *asked, const struct link_told *told)
{
	for (unsigned i = 0; i < asked->count; i++) {
		if (asked->numbers[i] != told->number)
			continue;
		asked->numbers[i] = asked->numbers[--asked->count];
		send_told(asked, told);
		return;
	}
}

void link_asked_end(struct link_asked *asked)
{
	asked->wire = NULL;
	asked->count = 0;
	if (asked->sink != NULL)
		asked->sink->on_forget(asked->sink);
}
