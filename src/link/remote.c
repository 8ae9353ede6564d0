/*
 * One connection at a time. When it ends, what was gathered of a revision is dropped with it, and
 * the next one begins with what is live: so it is made when all that was handed over is, which is
 * why what becomes live during a connection was heard in it. Purges that are not durable yet are
 * dropped as well, and told again.
 *
 * A revision is kept in the ledger after the control plane was told that it is live, or before the
 * next one is heard, whatever comes first: nobody waits for our disk. A purge that is heard waits
 * until the revisions before it are live: what is pulled by an old one is not stored again behind
 * it.
 *
 * Certificates are kept before the control plane hears that they are shown. They are no part of a
 * revision of domains: which there are is told whole in each connection, also to an edge that is
 * deaf to domains.
 *
 * The number of a purge means something together with the store that gave it. Both sides know what
 * the other one has said, and so come to the same one: where the edge was of another store, or
 * knows a revision or a purge that this one never made, that is 0. Where purges behind that number
 * are not kept any more, all that the cache has becomes stale.
 */
#include "link/remote.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/random.h"
#include "link/dial.h"
#include "link/identity.h"
#include "link/ledger.h"
#include "net/local.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
	STORE_BYTES_MAX = 128,
	REASON_BYTES_MAX = 1000,
	/* Between two tries, when the control plane is another machine's. */
	RETRY_MAX_MS = 5000,
};

struct link_remote {
	struct loop *loop;
	struct link_sink *sink;
	struct link_live live;
	unsigned pending; /* revisions that the sink was given, and that are not live yet */
	bool is_waiting;  /* to connect, for these */
	char *path;       /* NULL: it is at `host` */
	char *where;      /* for people */
	char *host;
	struct link_dial *dial;
	struct link_dial_sink dial_sink;
	struct link_identity *identity;
	char *id;
	char run[LINK_RUN_BYTES];
	struct link_wire_times times;
	uint32_t retry_ms;
	unsigned failures; /* in a row, of a kind that will not be over in a moment */
	struct timer retry;
	struct link_wire *wire; /* NULL: not connected */
	struct link_wire_sink wire_sink;
	struct link_intake *intake;
	struct link_ledger *ledger;        /* NULL: nothing is kept */
	bool is_to_keep;                   /* the intake has what the ledger has not */
	bool is_unkept;                    /* the operator was told that nothing can be */
	char store[STORE_BYTES_MAX + 1];   /* whose revision is live; empty: nobody's */
	char greeter[STORE_BYTES_MAX + 1]; /* the store of the control plane that we hear */
	bool has_greeted;
	bool is_deaf; /* to domains */
	struct link_reporter *reporter;
	struct link_asked *asked;
	struct link_certificates_sink *certificates; /* NULL: nobody shows them */
	struct link_shown shown;
	struct link_certificates_intake certificates_intake;
	/* The list that the sink has not shown yet, and whether this connection is to hear of that;
	 * borrowed of the intake. */
	const struct link_certificates *to_show;
	bool is_shown_wanted;
	struct link_purger *purger;
	struct link_purger_sink purger_sink;
	bool has_cache;
	bool keeps_purged;                   /* what the cache has outlives this process */
	char purged_of[STORE_BYTES_MAX + 1]; /* the store whose purges the purger has */
	uint64_t said_purged;                /* in our HELLO */
	struct list heard;                   /* purges that wait for revisions to be live */
	unsigned heard_count;
	struct timer keep_later; /* the number is to be kept by a new base */
	uint64_t rewrite_from_ms;
	bool is_troubled;    /* the operator was told that nobody answers */
	bool has_said_why;   /* the operator was told why we ended the last connection */
	struct text unread;  /* what is wrong with the revision that is heard; empty: nothing yet */
	struct text refused; /* why the last revision was refused; empty: it was not */
};

/* A purge as it was heard. */
struct heard_purge {
	struct list_node node;
	size_t len;
	char payload[];
};

static void say(struct link_remote *remote, enum link_event event, const char *words)
{
	remote->sink->on_event(remote->sink, event, words);
}

static void connect_now(struct link_remote *remote);
static void do_heard_purges(struct link_remote *remote);

/* ---- what is heard ---- */

static void send_number(struct link_remote *remote, enum link_message_kind kind, uint64_t revision,
        const char *error)
{
	struct text payload = {0};
	link_message_print_number("revision", revision, error, &payload);
	link_wire_send(remote->wire, kind, text_str(&payload));
	text_done(&payload);
}

/* Makes live what the intake took. */
static void make_live(struct link_remote *remote)
{
	size_t count, changed = 0;
	const struct model_change *changes = link_intake_changes(remote->intake, &count);
	uint64_t revision = link_remote_revision(remote);
	struct text words = {0};
	if (count == 0)
		return;
	remote->pending++;
	remote->sink->on_changes(remote->sink, changes, count, revision);
	for (size_t i = 0; i < count; i++)
		changed += changes[i].domain != NULL;
	text_addf(&words, "revision %llu: %zu changed, %zu removed, %zu in all",
	        (unsigned long long)revision, changed, count - changed,
	        model_snapshot_count(link_intake_snapshot(remote->intake)));
	say(remote, LINK_APPLIED, text_c(&words));
	text_done(&words);
}

/* That it cannot be kept is told once, until it can. */
static void note_kept(struct link_remote *remote, bool is_kept)
{
	struct text words = {0};
	if (!is_kept && !remote->is_unkept) {
		text_addf(&words, "they cannot be kept for a start without the control plane: %s",
		        strerrordesc_np(errno));
		say(remote, LINK_TROUBLE, text_c(&words));
	}
	remote->is_unkept = !is_kept;
	text_done(&words);
}

/* Keeps the number of the last purge, if it is one of the store that is live. A new base is not
 * written for each: to know an earlier number than the right one does no harm. */
static void keep_purged(struct link_remote *remote)
{
	const uint64_t number = link_purger_number(remote->purger);
	if (remote->ledger == NULL || !remote->keeps_purged || number == 0 ||
	        remote->store[0] == '\0' || strcmp(remote->store, remote->purged_of) != 0)
		return;
	bool may_rewrite = clock_ms() >= remote->rewrite_from_ms;
	bool is_kept = link_ledger_keep_purged(
	        remote->ledger, str_of(remote->store), remote->intake, number, false);
	if (!is_kept && errno == EAGAIN && !may_rewrite) {
		loop_timer_start(remote->loop, &remote->keep_later, remote->rewrite_from_ms);
		return;
	}
	if (!is_kept && errno == EAGAIN) {
		remote->rewrite_from_ms = clock_ms() + LIMIT_PURGE_REWRITE_MS;
		is_kept = link_ledger_keep_purged(
		        remote->ledger, str_of(remote->store), remote->intake, number, true);
	}
	note_kept(remote, is_kept);
}

static void keep_revision(struct link_remote *remote)
{
	if (remote->ledger == NULL || !remote->is_to_keep)
		return;
	remote->is_to_keep = false;
	note_kept(remote, link_ledger_add(remote->ledger, str_of(remote->store), remote->intake));
}

/* All that is not in the ledger yet: the number stands behind the revisions that came before. */
static void keep(struct link_remote *remote)
{
	keep_revision(remote);
	keep_purged(remote);
}

static void on_keep_later(struct timer *timer)
{
	keep(container_of(timer, struct link_remote, keep_later));
}

/* At the start, when the edge has nothing: all that was kept. */
static void hand_over(struct link_remote *remote, const struct model_snapshot *snapshot)
{
	size_t count = model_snapshot_count(snapshot);
	struct model_change *changes = mem_alloc(count * sizeof(*changes) + 1);
	struct text words = {0};
	for (size_t i = 0; i < count; i++) {
		struct model_domain *domain = model_snapshot_at(snapshot, i);
		changes[i] = (struct model_change){domain->name, domain};
	}
	if (count > 0) {
		remote->pending++;
		remote->sink->on_changes(
		        remote->sink, changes, count, model_snapshot_revision(snapshot));
	}
	text_addf(&words, "revision %llu as it was kept: %zu domains",
	        (unsigned long long)model_snapshot_revision(snapshot), count);
	say(remote, LINK_APPLIED, text_c(&words));
	text_done(&words);
	mem_free(changes);
}

static void apply(struct link_remote *remote)
{
	text_clear(&remote->refused);
	remote->failures = 0;
	memcpy(remote->store, remote->greeter, sizeof(remote->store));
	make_live(remote);
	remote->is_to_keep = true;
	/* What changes nothing is as live as what was before it. */
	if (remote->pending > 0)
		return;
	send_number(remote, LINK_SAYS_APPLIED, link_remote_revision(remote), NULL);
	keep(remote);
}

static void on_live(struct link_live *live, uint64_t revision)
{
	struct link_remote *remote = container_of(live, struct link_remote, live);
	CHECK(remote->pending > 0);
	remote->pending--;
	if (remote->pending == 0)
		revision = link_remote_revision(remote);
	if (remote->wire != NULL)
		send_number(remote, LINK_SAYS_APPLIED, revision, NULL);
	if (remote->pending > 0)
		return;
	keep(remote);
	do_heard_purges(remote);
	if (remote->is_waiting)
		connect_now(remote);
}

/* The next connection begins anew with what is live, and hears the same again: the operator is told
 * once. */
static void refuse(struct link_remote *remote, uint64_t revision, struct str why)
{
	struct text words = {0};
	if (why.len > REASON_BYTES_MAX)
		why.len = REASON_BYTES_MAX;
	if (!str_is_equal(why, text_str(&remote->refused))) {
		text_clear(&remote->refused);
		text_add(&remote->refused, why);
		text_addf(&words, "the control plane's revision: %.*s", STR_ARG(why));
		say(remote, LINK_REFUSED, text_c(&words));
	}
	text_done(&words);
	text_clear(&remote->unread);
	remote->has_said_why = true;
	remote->failures++;
	send_number(remote, LINK_SAYS_REFUSED, revision, text_c(&remote->refused));
	link_wire_end(remote->wire, "what it said of domains cannot be read");
}

/* The revision that a COMMIT would have made live; 0 where it does not even say that. */
static uint64_t revision_of(struct str commit)
{
	struct arena arena;
	uint64_t revision = 0;
	arena_init(&arena, NULL, 0);
	if (!link_message_read_number(&arena, commit, "revision", &revision, NULL))
		revision = 0;
	arena_reset(&arena);
	return revision;
}

static void hear_domains(
        struct link_remote *remote, enum link_message_kind kind, struct str payload)
{
	keep_revision(remote);
	/* It is refused by its number, which comes last. */
	if (remote->unread.len == 0)
		switch (link_intake_take(remote->intake, kind, payload, &remote->unread)) {
		case LINK_INTAKE_MORE:
		case LINK_INTAKE_BAD:
			break;
		case LINK_INTAKE_COMMIT:
			apply(remote);
			return;
		}
	if (remote->unread.len > 0 && kind == LINK_SAYS_COMMIT) {
		struct text why = {0};
		text_add(&why, text_str(&remote->unread));
		refuse(remote, revision_of(payload), text_str(&why));
		text_done(&why);
	}
}

/* ---- purges ---- */

/* Where they go on. */
static void greet_purger(struct link_remote *remote, const struct link_hello *hello)
{
	const bool is_ours = link_message_is_known(
	        hello, str_of(remote->store), link_remote_revision(remote), remote->said_purged);
	const uint64_t number = is_ours ? remote->said_purged : 0;
	/* What was known by an earlier name is known by this one; and who knows nothing of domains,
	 * knows no other. */
	if (is_ours || remote->is_deaf)
		memcpy(remote->store, remote->greeter, sizeof(remote->store));
	memcpy(remote->purged_of, remote->greeter, sizeof(remote->purged_of));
	link_purger_begin(remote->purger, number);
	if (number + 1 >= hello->oldest)
		return;
	if (remote->has_cache)
		say(remote, LINK_TROUBLE,
		        "purges were missed that the control plane does not have any more: all "
		        "that is cached is stale from now on");
	link_purger_make_stale(remote->purger, hello->oldest - 1);
}

static void do_purge(struct link_remote *remote, struct str payload)
{
	struct arena arena;
	struct link_purge purge = {.what = LINK_PURGE_WHATS};
	struct text error = {0};
	uint64_t number;
	arena_init(&arena, NULL, 0);
	bool is_purge = link_message_read_purge(&arena, payload, &number, &purge, &error);
	if (!is_purge || !link_purger_take(remote->purger, number, error.len == 0 ? &purge : NULL,
	                         text_str(&error)))
		link_wire_end(remote->wire, "what it said of purges is not what was to come");
	text_done(&error);
	arena_reset(&arena);
}

static void hear_purge(struct link_remote *remote, struct str payload)
{
	if (remote->pending == 0) {
		do_purge(remote, payload);
		return;
	}
	struct heard_purge *heard = mem_zero(sizeof(*heard) + payload.len);
	heard->len = payload.len;
	memcpy(heard->payload, payload.at, payload.len);
	list_add_last(&remote->heard, &heard->node);
	if (++remote->heard_count > LIMIT_LINK_PURGES_WAITING)
		link_wire_end(remote->wire, "it tells more purges than may wait");
}

static void forget_heard_purge(struct link_remote *remote, struct heard_purge *heard)
{
	list_remove(&heard->node);
	remote->heard_count--;
	mem_free(heard);
}

static void do_heard_purges(struct link_remote *remote)
{
	list_each_safe (node, following, &remote->heard) {
		struct heard_purge *heard = container_of(node, struct heard_purge, node);
		do_purge(remote, str_make(heard->payload, heard->len));
		forget_heard_purge(remote, heard);
	}
}

/* They are told again by whoever is connected to next. */
static void forget_heard_purges(struct link_remote *remote)
{
	list_each_safe (node, following, &remote->heard)
		forget_heard_purge(remote, container_of(node, struct heard_purge, node));
}

/* The ledger first: whoever hears that it is done need never tell it again. */
static void on_purged(struct link_purger_sink *sink, const struct link_purged *purged)
{
	struct link_remote *remote = container_of(sink, struct link_remote, purger_sink);
	struct text payload = {0};
	if (purged->purged == purged->number)
		keep(remote);
	link_message_print_purged(purged, &payload);
	link_wire_send(remote->wire, LINK_SAYS_PURGED, text_str(&payload));
	text_done(&payload);
}

/* ---- certificates ---- */

static void tell_shown(struct link_remote *remote)
{
	remote->is_shown_wanted = false;
	send_number(remote, LINK_SAYS_SHOWN,
	        link_certificates_revision(remote->certificates_intake.list), NULL);
}

static void on_shown(struct link_shown *shown, const struct link_certificates *list)
{
	struct link_remote *remote = container_of(shown, struct link_remote, shown);
	if (list != remote->to_show)
		return; /* a later one is on its way */
	remote->to_show = NULL;
	if (remote->is_shown_wanted)
		tell_shown(remote);
}

/* Has those of the intake shown. */
static void show(struct link_remote *remote)
{
	struct link_certificates *list = remote->certificates_intake.list;
	if (remote->certificates == NULL)
		return;
	remote->to_show = list;
	remote->certificates->on_certificates(remote->certificates, list);
}

static void keep_certificates(struct link_remote *remote)
{
	if (remote->ledger != NULL)
		note_kept(
		        remote, link_ledger_keep_certificates(remote->ledger, str_of(remote->store),
		                        remote->intake, remote->certificates_intake.list));
}

/* What is told again, as after each loss of the connection, is shown already, or about to be. */
static void hear_certificates(
        struct link_remote *remote, enum link_message_kind kind, struct str payload)
{
	struct link_certificates_intake *intake = &remote->certificates_intake;
	struct link_certificates *before =
	        intake->list != NULL ? link_certificates_ref(intake->list) : NULL;
	enum link_certificates_take taken = link_certificates_intake_take(intake, kind, payload);
	if (taken == LINK_CERTIFICATES_BAD) {
		link_wire_end(remote->wire, "what it said of certificates cannot be read");
	} else if (taken == LINK_CERTIFICATES_WHOLE) {
		bool is_same = before != NULL && link_certificates_is_equal(before, intake->list);
		if (!is_same)
			keep_certificates(remote);
		remote->is_shown_wanted = true;
		/* One that is on its way was of another list, whose place is taken. */
		if (!is_same || remote->to_show != NULL)
			show(remote);
		if (remote->to_show == NULL)
			tell_shown(remote);
	}
	link_certificates_unref(before);
}

static void hear_subscription(struct link_remote *remote, struct str payload)
{
	struct arena arena;
	struct link_subscription subscription;
	arena_init(&arena, NULL, 0);
	if (link_message_read_subscription(&arena, payload, &subscription))
		link_reporter_subscribe(remote->reporter, remote->wire, &subscription);
	else
		link_wire_end(remote->wire, "what it wants to know cannot be read");
	arena_reset(&arena);
}

static void hear_ask(struct link_remote *remote, struct str payload)
{
	if (!link_asked_hear(remote->asked, remote->wire, payload))
		link_wire_end(remote->wire, "what it asks cannot be read");
}

/* ---- greetings ---- */

static void hear_greeting(struct link_remote *remote, struct str payload)
{
	struct arena arena;
	struct link_hello hello;
	struct text error = {0};
	arena_init(&arena, NULL, 0);
	if (link_message_read_hello(&arena, payload, &hello, &error)) {
		snprintf(remote->greeter, sizeof(remote->greeter), "%.*s", STR_ARG(hello.store));
		remote->has_greeted = true;
		/* What was refused will be told again. */
		if (remote->refused.len == 0)
			remote->failures = 0;
		if (remote->is_troubled)
			say(remote, LINK_TROUBLE, "the control plane answers again");
		remote->is_troubled = false;
		greet_purger(remote, &hello);
	} else {
		struct text words = {0};
		text_addf(&words, "the control plane %s", text_c(&error));
		if (!remote->is_troubled)
			say(remote, LINK_TROUBLE, text_c(&words));
		remote->is_troubled = remote->has_said_why = true;
		remote->failures++;
		text_done(&words);
		link_wire_end(remote->wire, "its greeting cannot be read");
	}
	text_done(&error);
	arena_reset(&arena);
}

static bool is_of_domains(enum link_message_kind kind)
{
	return kind == LINK_SAYS_BEGIN || kind == LINK_SAYS_DOMAIN || kind == LINK_SAYS_GONE ||
	       kind == LINK_SAYS_COMMIT;
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct link_remote *remote = container_of(sink, struct link_remote, wire_sink);
	if (kind == LINK_SAYS_HELLO && !remote->has_greeted)
		hear_greeting(remote, payload);
	else if (remote->has_greeted && kind == LINK_SAYS_PURGE)
		hear_purge(remote, payload);
	else if (remote->has_greeted &&
	         (kind == LINK_SAYS_CERTIFICATE || kind == LINK_SAYS_CERTIFICATES))
		hear_certificates(remote, kind, payload);
	else if (remote->has_greeted && kind == LINK_SAYS_SUBSCRIBE)
		hear_subscription(remote, payload);
	else if (remote->has_greeted && kind == LINK_SAYS_ASK)
		hear_ask(remote, payload);
	else if (remote->has_greeted && is_of_domains(kind) && !remote->is_deaf)
		hear_domains(remote, kind, payload);
	else
		link_wire_end(remote->wire, remote->has_greeted
		                                    ? "it said what no control plane says"
		                                    : "it did not greet");
}

static void on_sent(struct link_wire_sink *sink)
{
	(void)sink;
}

/* ---- the connection ---- */

static void tell_trouble(struct link_remote *remote, const char *why)
{
	struct text words = {0};
	if (remote->is_troubled || remote->has_said_why)
		return;
	remote->is_troubled = true;
	text_addf(&words,
	        "the control plane at %s does not answer (%s); the domains stay as they are",
	        remote->where, why);
	say(remote, LINK_TROUBLE, text_c(&words));
	text_done(&words);
}

/* Who cannot be understood is not asked all the time; and hundreds of edges do not come to another
 * machine all at once. */
static uint32_t retry_ms(const struct link_remote *remote)
{
	uint64_t ms = remote->retry_ms;
	if (remote->path != NULL && remote->failures == 0)
		return remote->retry_ms;
	for (unsigned i = 0; i < remote->failures && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	return (uint32_t)random_jitter(ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS, 50);
}

static void try_later(struct link_remote *remote)
{
	loop_timer_start(remote->loop, &remote->retry, clock_ms() + retry_ms(remote));
	if (remote->path == NULL)
		remote->failures++;
}

static void on_end(struct link_wire_sink *sink, const char *why)
{
	struct link_remote *remote = container_of(sink, struct link_remote, wire_sink);
	tell_trouble(remote, why);
	link_reporter_end(remote->reporter);
	link_asked_end(remote->asked);
	link_wire_free(remote->wire);
	remote->wire = NULL;
	link_intake_drop(remote->intake);
	link_certificates_intake_drop(&remote->certificates_intake);
	remote->is_shown_wanted = false;
	text_clear(&remote->unread);
	forget_heard_purges(remote);
	link_purger_begin(remote->purger, link_purger_number(remote->purger));
	try_later(remote);
}

static void greet(struct link_remote *remote)
{
	struct text payload = {0};
	bool is_of_store = strcmp(remote->store, remote->purged_of) == 0;
	remote->said_purged = is_of_store ? link_purger_number(remote->purger) : 0;
	const struct link_hello hello = {
	        .id = str_of(remote->id),
	        .run = str_of(remote->run),
	        .version = STR(HEADWATER_VERSION),
	        .store = str_of(remote->store),
	        .revision = link_remote_revision(remote),
	        .purged = remote->said_purged,
	};
	link_message_print_hello(&hello, &payload);
	link_wire_send(remote->wire, LINK_SAYS_HELLO, text_str(&payload));
	text_done(&payload);
}

static void fail(struct link_remote *remote, const char *why)
{
	tell_trouble(remote, why);
	try_later(remote);
}

/* Speaks at a connected socket, whose TLS may be still to come. */
static void speak(struct link_remote *remote, int socket, struct tls *tls)
{
	remote->has_greeted = false;
	remote->wire = link_wire_new(remote->loop, socket, tls, &remote->times, &remote->wire_sink);
	if (remote->wire != NULL)
		greet(remote);
	else
		fail(remote, strerrordesc_np(errno));
}

static void on_dialled(struct link_dial_sink *sink, int socket, const char *why)
{
	struct link_remote *remote = container_of(sink, struct link_remote, dial_sink);
	struct text trouble = {0};
	if (socket < 0) {
		fail(remote, why);
		return;
	}
	const struct tls_context *context = link_identity_context(remote->identity, &trouble);
	if (trouble.len != 0)
		say(remote, LINK_TROUBLE, text_c(&trouble));
	text_done(&trouble);
	if (context != NULL) {
		speak(remote, socket, tls_new(context, TLS_CLIENT, socket, remote->host));
		return;
	}
	close(socket);
	fail(remote, "nothing shows it who we are");
}

static void connect_now(struct link_remote *remote)
{
	remote->is_waiting = remote->pending > 0;
	if (remote->is_waiting)
		return;
	remote->has_said_why = false;
	if (remote->path == NULL) {
		link_dial_start(remote->dial);
		return;
	}
	int socket = local_connect(remote->path, 0);
	if (socket >= 0)
		speak(remote, socket, NULL);
	else
		fail(remote, strerrordesc_np(errno));
}

static void on_retry(struct timer *timer)
{
	connect_now(container_of(timer, struct link_remote, retry));
}

/* All of it is what changed, for the edge has nothing yet. */
static void read_ledger(struct link_remote *remote, const struct link_journal *place)
{
	struct text store = {0};
	uint64_t purged;
	remote->ledger = link_ledger_new(place);
	if (link_ledger_read(remote->ledger, remote->intake, &store, &purged)) {
		snprintf(remote->store, sizeof(remote->store), "%.*s", STR_ARG(text_str(&store)));
		memcpy(remote->purged_of, remote->store, sizeof(remote->purged_of));
		link_purger_begin(remote->purger, remote->keeps_purged ? purged : 0);
		const struct model_snapshot *snapshot = link_intake_snapshot(remote->intake);
		if (!remote->is_deaf)
			hand_over(remote, snapshot);
		struct link_certificates *kept = link_ledger_certificates(remote->ledger);
		if (kept != NULL) {
			remote->certificates_intake.list = link_certificates_ref(kept);
			show(remote);
		}
	}
	text_done(&store);
}

/* Where the control plane is. */
static void set_place(struct link_remote *remote, const struct link_remote_options *options)
{
	struct text where = {0};
	if (options->path != NULL) {
		remote->path = mem_copy(options->path, strlen(options->path));
		text_add(&where, str_of(options->path));
	} else {
		const bool has_colon = strchr(options->host, ':') != NULL;
		text_addf(&where, has_colon ? "[%s]:%u" : "%s:%u", options->host, options->port);
		remote->host = mem_copy(options->host, strlen(options->host));
		remote->identity = link_identity_new(options->identity);
		remote->dial_sink.on_dialled = on_dialled;
		remote->dial = link_dial_new(remote->loop, options->host, options->port,
		        options->servers, &remote->dial_sink);
	}
	remote->where = mem_copy(where.at, where.len);
	text_done(&where);
}

struct link_remote *link_remote_open(
        struct loop *loop, const struct link_remote_options *options, struct link_sink *sink)
{
	struct link_remote *remote = mem_new(struct link_remote);
	remote->loop = loop;
	remote->sink = sink;
	set_place(remote, options);
	remote->id = mem_copy(options->id, strlen(options->id));
	link_wire_make_run(remote->run);
	remote->times = options->times;
	remote->retry_ms = options->retry_ms;
	remote->retry.on_expire = on_retry;
	remote->live.on_live = on_live;
	sink->live = &remote->live;
	remote->wire_sink = (struct link_wire_sink){
	        .on_message = on_message, .on_sent = on_sent, .on_end = on_end};
	remote->intake = link_intake_new();
	remote->reporter = link_reporter_new(loop, options->reports);
	remote->asked = link_asked_new(options->asks);
	remote->certificates = options->certificates;
	remote->shown.on_shown = on_shown;
	if (remote->certificates != NULL)
		remote->certificates->shown = &remote->shown;
	list_init(&remote->heard);
	remote->keep_later.on_expire = on_keep_later;
	remote->is_deaf = options->is_deaf;
	remote->has_cache = options->purges != NULL;
	remote->keeps_purged = remote->has_cache && options->purges->is_kept;
	remote->purger_sink.on_purged = on_purged;
	remote->purger = link_purger_new(loop, options->purges, &remote->purger_sink);
	if (options->ledger != NULL)
		read_ledger(remote, options->ledger);
	connect_now(remote);
	return remote;
}

void link_remote_close(struct link_remote *remote)
{
	if (remote == NULL)
		return;
	remote->sink->live = NULL;
	if (remote->certificates != NULL)
		remote->certificates->shown = NULL;
	keep_revision(remote);
	loop_timer_cancel(remote->loop, &remote->retry);
	loop_timer_cancel(remote->loop, &remote->keep_later);
	link_reporter_free(remote->reporter);
	link_asked_free(remote->asked);
	link_wire_free(remote->wire);
	forget_heard_purges(remote);
	link_purger_free(remote->purger);
	link_intake_free(remote->intake);
	link_ledger_free(remote->ledger);
	link_certificates_intake_done(&remote->certificates_intake);
	text_done(&remote->unread);
	text_done(&remote->refused);
	link_dial_free(remote->dial);
	link_identity_free(remote->identity);
	mem_free(remote->path);
	mem_free(remote->host);
	mem_free(remote->where);
	mem_free(remote->id);
	mem_free(remote);
}

uint64_t link_remote_revision(const struct link_remote *remote)
{
	return model_snapshot_revision(link_intake_snapshot(remote->intake));
}

uint64_t link_remote_purged(const struct link_remote *remote)
{
	return link_purger_number(remote->purger);
}
