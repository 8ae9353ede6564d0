/*
 * What edges say is gathered while a thread writes what they said before, and then written at once:
 * a purge of a thousand edges is a handful of transactions. What could not be written is dropped:
 * an edge says it again when it connects, and until then it counts as waiting.
 */
#include "control/purges.h"

#include "base/limit.h"
#include "base/mem.h"

enum { NOTES_MAX = 65536 };

struct note {
	char *edge, *error; /* error NULL: as of struct store_acknowledgement */
	uint64_t number;
};

struct notes {
	struct note *list;
	size_t count, cap;
};

struct control_purges {
	struct loop *loop;
	struct disk *disk;
	struct link_hub *hub; /* NULL: it has not begun */
	struct store *store;
	struct notes gathered, written; /* the second are the thread's */
	bool is_writing, is_ending;
	bool expires; /* what is too old is to go, up to: */
	uint64_t until_ms;
	struct disk_operation operation;
	/* the thread's, while it runs: */
	bool is_expiring, has_expired;
	uint64_t expiring_until_ms;
	struct store_purge_span span; /* what is left, where something expired */
};

/* ---- to the hub ---- */

struct news {
	struct loop_message message;
	struct control_purges *purges;
	uint64_t number, revision;
	size_t len;
	char line[];
};

static void on_news(struct loop_message *message)
{
	struct news *news = container_of(message, struct news, message);
	if (news->purges->hub != NULL)
		link_hub_purge(news->purges->hub, news->number, news->revision,
		        str_make(news->line, news->len));
	mem_free(news);
}

void control_purges_tell(
        struct control_purges *purges, uint64_t number, uint64_t revision, struct str line)
{
	struct news *news = mem_zero(sizeof(*news) + line.len);
	news->message.on_receive = on_news;
	news->purges = purges;
	news->number = number;
	news->revision = revision;
	news->len = line.len;
	memcpy(news->line, line.at, line.len);
	loop_post(purges->loop, &news->message);
}

/* ---- to the store ---- */

static void notes_done(struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++) {
		mem_free(notes->list[i].edge);
		mem_free(notes->list[i].error);
	}
	mem_free(notes->list);
	*notes = (struct notes){0};
}

static void run(struct disk_operation *operation)
{
	struct control_purges *purges = container_of(operation, struct control_purges, operation);
	const struct notes *notes = &purges->written;
	struct store_acknowledgement *list = mem_zero((notes->count + 1) * sizeof(*list));
	for (size_t i = 0; i < notes->count; i++)
		list[i] = (struct store_acknowledgement){.edge = notes->list[i].edge,
		        .number = notes->list[i].number,
		        .error = notes->list[i].error};
	if (notes->count > 0)
		(void)!store_tasks_acknowledge(purges->store, list, notes->count);
	if (purges->is_expiring)
		purges->has_expired = store_tasks_expire(purges->store, purges->expiring_until_ms,
		                              &purges->span) == STORE_DONE;
	mem_free(list);
}

static void write_on(struct control_purges *purges);

static void on_written(struct disk_operation *operation)
{
	struct control_purges *purges = container_of(operation, struct control_purges, operation);
	purges->is_writing = false;
	notes_done(&purges->written);
	if (purges->has_expired && purges->hub != NULL)
		link_hub_keep_purges_from(purges->hub, purges->span.oldest);
	write_on(purges);
}

static void write_on(struct control_purges *purges)
{
	if (purges->is_writing || purges->is_ending || purges->store == NULL ||
	        (purges->gathered.count == 0 && !purges->expires))
		return;
	purges->written = purges->gathered;
	purges->gathered = (struct notes){0};
	purges->is_writing = true;
	purges->is_expiring = purges->expires;
	purges->expiring_until_ms = purges->until_ms;
	purges->expires = purges->has_expired = false;
	purges->operation =
	        (struct disk_operation){.verb = DISK_CALL, .call = run, .on_done = on_written};
	disk_submit(purges->disk, purges->loop, &purges->operation);
}

void control_purges_note(
        struct control_purges *purges, const char *edge, uint64_t number, const char *error)
{
	struct notes *notes = &purges->gathered;
	if (notes->count == NOTES_MAX)
		return;
	if (notes->count == notes->cap) {
		notes->cap = notes->cap == 0 ? 16 : notes->cap * 2;
		notes->list = mem_resize(notes->list, notes->cap * sizeof(notes->list[0]));
	}
	notes->list[notes->count++] = (struct note){
	        .edge = mem_copy(edge, strlen(edge)),
	        .error = error == NULL ? NULL : mem_copy(error, strlen(error)),
	        .number = number,
	};
	write_on(purges);
}

/* ---- all of it ---- */

void control_purges_expire(struct control_purges *purges, uint64_t until_ms)
{
	purges->expires = true;
	purges->until_ms = until_ms;
	write_on(purges);
}

struct control_purges *control_purges_new(struct loop *loop, struct disk *disk)
{
	struct control_purges *purges = mem_new(struct control_purges);
	purges->loop = loop;
	purges->disk = disk;
	return purges;
}

void control_purges_end(struct control_purges *purges)
{
	if (purges != NULL)
		purges->is_ending = true;
}

void control_purges_free(struct control_purges *purges)
{
	if (purges == NULL)
		return;
	CHECK(!purges->is_writing);
	notes_done(&purges->gathered);
	mem_free(purges);
}

void control_purges_begin(struct control_purges *purges, struct link_hub *hub, struct store *store)
{
	purges->hub = hub;
	purges->store = store;
	write_on(purges);
}

bool control_purges_is_busy(const struct control_purges *purges)
{
	return purges->is_writing;
}
