/* fuzz: link - a stream of messages is taken apart without leaving its bytes, prints as it was, and
 * what an edge makes of it is a revision, or a list of certificates, or nothing */
#include "base/arena.h"
#include "base/hash.h"
#include "link/certificates.h"
#include "link/intake.h"
#include "link/question.h"
#include "model/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_objects(struct str payload)
{
	struct arena arena;
	struct link_hello hello;
	struct text error = {0}, printed = {0};
	uint64_t number;
	struct str text;
	arena_init(&arena, NULL, 0);
	if (link_message_read_hello(&arena, payload, &hello, &error)) {
		link_message_print_hello(&hello, &printed);
		CHECK(link_message_read_hello(&arena, text_str(&printed), &hello, &error));
	} else {
		CHECK(error.len > 0);
	}
	text_clear(&printed);
	if (link_message_read_number(&arena, payload, "revision", &number, &text)) {
		uint64_t again;
		link_message_print_number("revision", number, "e", &printed);
		CHECK(link_message_read_number(
		        &arena, text_str(&printed), "revision", &again, &text));
		CHECK(again == number);
	}
	text_done(&printed);
	text_done(&error);
	arena_reset(&arena);
}

static void check_purges(struct str payload)
{
	struct arena arena;
	struct text error = {0}, line = {0}, printed = {0};
	struct link_purge purge = {.what = LINK_PURGE_WHATS};
	struct link_purged said, again;
	uint64_t number, same;
	arena_init(&arena, NULL, 0);
	if (link_message_read_purge(&arena, payload, &number, &purge, &error)) {
		CHECK((purge.what == LINK_PURGE_WHATS) == (error.len > 0));
		if (error.len == 0) {
			link_command_print(&purge, &line);
			link_message_print_purge(number, text_str(&line), &printed);
			CHECK(link_message_read_purge(
			        &arena, text_str(&printed), &same, &purge, &error));
			CHECK(error.len == 0 && same == number);
		}
	}
	text_clear(&printed);
	if (link_message_read_purged(&arena, payload, &said)) {
		link_message_print_purged(&said, &printed);
		CHECK(link_message_read_purged(&arena, text_str(&printed), &again));
		CHECK(said.number == again.number && said.purged == again.purged);
	}
	text_done(&printed);
	text_done(&line);
	text_done(&error);
	arena_reset(&arena);
}

static void check_reports(struct str payload)
{
	struct arena arena;
	struct text printed = {0};
	struct link_subscription wanted, again;
	struct link_report_head head;
	const struct model_node *items;
	arena_init(&arena, NULL, 0);
	if (link_message_read_subscription(&arena, payload, &wanted)) {
		link_message_print_subscription(&wanted, &printed);
		CHECK(link_message_read_subscription(&arena, text_str(&printed), &again));
		CHECK(memcmp(&wanted, &again, sizeof(wanted)) == 0);
	}
	if (link_message_read_report(&arena, payload, &head, &items))
		CHECK(items->kind == MODEL_NODE_LIST);
	text_done(&printed);
	arena_reset(&arena);
}

static void check_questions(struct str payload)
{
	struct arena arena;
	struct text question = {0}, printed = {0};
	struct link_question asked, same;
	struct link_told told, again;
	const struct model_node *node;
	struct str what;
	uint64_t number, other;
	arena_init(&arena, NULL, 0);
	if (link_message_read_ask(&arena, payload, &number, &what, &node) &&
	        link_question_read(&arena, node, &asked)) {
		CHECK(asked.target.at[0] == '/' && asked.host.len > 0);
		link_question_print(&asked, &question);
		link_message_print_ask(number, what, text_str(&question), &printed);
		CHECK(link_message_read_ask(&arena, text_str(&printed), &other, &what, &node));
		CHECK(other == number && link_question_read(&arena, node, &same));
		CHECK(memcmp(asked.fails, same.fails, sizeof(asked.fails)) == 0);
	}
	text_clear(&printed);
	if (link_message_read_answer(&arena, payload, &told)) {
		link_message_print_answer(&told, &printed);
		CHECK(link_message_read_answer(&arena, text_str(&printed), &again));
		CHECK(again.number == told.number && str_is_equal(again.answer, told.answer));
	}
	text_done(&printed);
	text_done(&question);
	arena_reset(&arena);
}

static void check_certificates(struct str payload)
{
	struct arena arena;
	struct text printed = {0};
	struct link_message_certificate said, again;
	arena_init(&arena, NULL, 0);
	if (link_message_read_certificate(&arena, payload, &said)) {
		link_message_print_certificate(&said, &printed);
		CHECK(link_message_read_certificate(&arena, text_str(&printed), &again));
		CHECK(again.revision == said.revision && str_is_equal(again.name, said.name));
		CHECK(str_is_equal(again.chain, said.chain) && str_is_equal(again.key, said.key));
	}
	text_done(&printed);
	arena_reset(&arena);
}

static void check_certificates_intake(
        struct link_certificates_intake *intake, enum link_message_kind kind, struct str payload)
{
	const struct link_certificates *before = intake->list;
	if (kind != LINK_SAYS_CERTIFICATE && kind != LINK_SAYS_CERTIFICATES)
		return;
	enum link_certificates_take taken = link_certificates_intake_take(intake, kind, payload);
	CHECK((taken == LINK_CERTIFICATES_WHOLE) == (intake->list != before));
	CHECK((taken == LINK_CERTIFICATES_MORE) == (intake->count > 0));
	if (taken != LINK_CERTIFICATES_WHOLE)
		return;
	/* What was heard is heard in the same way when it is told again. */
	struct link_certificates_intake other = {0};
	struct text messages = {0};
	link_certificates_print_all(intake->list, &messages);
	struct str rest = text_str(&messages), again;
	while (link_message_take(&rest, &kind, &again) == LINK_MESSAGE_TAKEN)
		CHECK(link_certificates_intake_take(&other, kind, again) != LINK_CERTIFICATES_BAD);
	CHECK(rest.len == 0 && link_certificates_is_equal(other.list, intake->list));
	link_certificates_intake_done(&other);
	text_done(&messages);
}

static void check_intake(
        struct link_intake *intake, enum link_message_kind kind, struct str payload)
{
	struct text error = {0};
	const struct model_snapshot *before = link_intake_snapshot(intake);
	enum link_intake_take taken = link_intake_take(intake, kind, payload, &error);
	CHECK((taken == LINK_INTAKE_BAD) == (error.len > 0));
	CHECK((taken == LINK_INTAKE_COMMIT) == (link_intake_snapshot(intake) != before));
	text_done(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_ready;
	if (!is_ready)
		hash_init();
	is_ready = true;

	struct str rest = str_make((const char *)data, size), payload;
	struct text again = {0};
	struct link_intake *intake = link_intake_new();
	struct link_certificates_intake certificates = {0};
	enum link_message_kind kind;
	while (link_message_take(&rest, &kind, &payload) == LINK_MESSAGE_TAKEN) {
		link_message_print(kind, payload, &again);
		check_objects(payload);
		check_purges(payload);
		check_reports(payload);
		check_questions(payload);
		check_certificates(payload);
		check_certificates_intake(&certificates, kind, payload);
		check_intake(intake, kind, payload);
	}
	CHECK(again.len == size - rest.len);
	CHECK(again.len == 0 || memcmp(again.at, data, again.len) == 0);
	link_intake_free(intake);
	link_certificates_intake_done(&certificates);
	text_done(&again);
	return 0;
}
