/*
 * What an edge is told is a walk through a snapshot, which it has a reference of: domains whose
 * revision is higher than the edge's, then names that went since, then COMMIT. The walk goes on as
 * the socket takes it. When it has ended and there is a newer snapshot, the next one begins; as the
 * revision of the last one is known, few domains of it are new. Where the edge had everything up to
 * the revision before, there is no walk: the changes themselves are sent.
 *
 * Purges are told beside that, as soon as the revision that each was made at is live in the edge.
 *
 * Certificates are told in a walk of their own, beside that (link/certificates_walk.h).
 *
 * Who connects from another machine is a stranger until it has shown a certificate and greeted. Of
 * strangers there are few, each for a short time, so that they cannot keep edges out.
 */
#include "link/hub.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "link/certificates_walk.h"
#include "link/gates.h"
#include "link/purges.h"
#include "model/json.h"

#include <stdio.h>
#include <unistd.h>

enum {
	CHANGES_AT_ONCE = 256, /* more are walked to */
	PURGE_HEAD_BYTES = 64, /* of a purge's message, what is not its line */
};

struct gone {
	char *name;
	uint64_t revision;
};

struct link_hub {
	struct loop *loop;
	struct link_hub_sink *sink;
	char *id, *store;
	struct link_past past[LIMIT_LINK_EPOCHS]; /* names are ours */
	unsigned past_count;
	char run[LINK_RUN_BYTES];
	struct link_wire_times times;
	struct link_gates *gates;
	struct link_gates_sink gates_sink;
	struct list peers; /* in the order in which they came */
	unsigned count, greeted;
	unsigned strangers; /* of other machines, and not greeted */
	struct model_snapshot *snapshot;
	struct gone *gone; /* in the order of revisions */
	size_t gone_count, gone_cap;
	uint64_t gone_since; /* what went with a higher revision is in there */
	struct link_purges purges;
	struct link_certificates *certificates; /* NULL: nobody has said yet which there are */
	struct link_subscription subscription;
	uint64_t last_ask; /* the number of the last question */
	struct text line;  /* a payload on its way */
};

struct peer {
	struct list_node node;
	struct link_hub *hub;
	struct link_wire *wire;
	struct link_wire_sink sink;
	struct link_hub_edge edge;
	char *id, *run, *version, *error;
	char from[ADDRESS_TEXT_BYTES];
	struct tls *tls;       /* the wire's; NULL: it is of this machine */
	struct timer patience; /* with a stranger */
	bool is_stranger;
	bool has_greeted;
	uint64_t told; /* the revision of the last COMMIT */
	/* the walk; NULL: none is under way */
	struct model_snapshot *walked;
	size_t at;          /* the next domain */
	size_t gone_at;     /* the next name */
	uint64_t walk_from; /* domains with a higher revision are told */
	/* purges */
	uint64_t said_revision, said_oldest, said_last; /* in our HELLO: the edge goes by that */
	uint64_t purge_next;                            /* to tell */
	uint64_t purge_answered; /* all up to this have been done, or were never told */
	struct link_certificates_walk certificates;
	/* questions that are not answered */
	uint64_t asks[LIMIT_LINK_ASKS];
	unsigned ask_count;
};

/* ---- telling ---- */

static void send_domain(struct peer *peer, const struct model_domain *domain)
{
	struct text *line = &peer->hub->line;
	text_clear(line);
	model_json_print_domain(domain, MODEL_JSON_SET, MODEL_PRINT_SECRETS, line);
	link_wire_send(peer->wire, LINK_SAYS_DOMAIN, text_str(line));
}

static void send_gone(struct peer *peer, const char *name)
{
	struct text *line = &peer->hub->line;
	text_clear(line);
	link_message_print_name(str_of(name), line);
	link_wire_send(peer->wire, LINK_SAYS_GONE, text_str(line));
}

static void send_commit(struct peer *peer, uint64_t revision)
{
	struct text *line = &peer->hub->line;
	text_clear(line);
	link_message_print_number("revision", revision, NULL, line);
	link_wire_send(peer->wire, LINK_SAYS_COMMIT, text_str(line));
	peer->told = revision;
}

static void end_walk(struct peer *peer)
{
	model_snapshot_unref(peer->walked);
	peer->walked = NULL;
}

static void begin_walk(struct peer *peer, bool is_whole)
{
	struct link_hub *hub = peer->hub;
	peer->walked = model_snapshot_ref(hub->snapshot);
	peer->at = 0;
	peer->walk_from = is_whole ? 0 : peer->told;
	/* A whole list says by itself what is not there. */
	peer->gone_at = is_whole ? hub->gone_count : 0;
	while (peer->gone_at < hub->gone_count &&
	        hub->gone[peer->gone_at].revision <= peer->walk_from)
		peer->gone_at++;
	if (is_whole)
		link_wire_send(peer->wire, LINK_SAYS_BEGIN, STR("{}"));
}

/* A name that went and is there again is told as a domain. */
static void walk_gone(struct peer *peer)
{
	const struct link_hub *hub = peer->hub;
	const uint64_t until = model_snapshot_revision(peer->walked);
	for (; peer->gone_at < hub->gone_count; peer->gone_at++) {
		const struct gone *gone = &hub->gone[peer->gone_at];
		if (gone->revision <= until &&
		        model_snapshot_get(peer->walked, str_of(gone->name)) == NULL)
			send_gone(peer, gone->name);
	}
}

/* Goes on as far as the edge reads. */
static void walk(struct peer *peer)
{
	const size_t count = model_snapshot_count(peer->walked);
	for (; peer->at < count; peer->at++) {
		if (link_wire_backlog(peer->wire) > LIMIT_LINK_BACKLOG_BYTES)
			return; /* on_sent goes on */
		const struct model_domain *domain = model_snapshot_at(peer->walked, peer->at);
		if (domain->revision > peer->walk_from)
			send_domain(peer, domain);
	}
	walk_gone(peer);
	send_commit(peer, model_snapshot_revision(peer->walked));
	end_walk(peer);
}

static void send_purge(struct peer *peer, const struct link_purges_entry *entry)
{
	struct text *line = &peer->hub->line;
	text_clear(line);
	link_message_print_purge(peer->purge_next, str_make(entry->line, entry->len), line);
	link_wire_send(peer->wire, LINK_SAYS_PURGE, text_str(line));
	peer->purge_next++;
}

static void tell_purges(struct peer *peer)
{
	const struct link_purges *purges = &peer->hub->purges;
	if (peer->purge_next < purges->first) {
		link_wire_end(peer->wire, "the purges that it was to be told are not kept");
		return;
	}
	while (peer->purge_next <= purges->last &&
	        peer->purge_next - 1 - peer->purge_answered < LIMIT_LINK_PURGES_WAITING &&
	        link_wire_backlog(peer->wire) <= LIMIT_LINK_BACKLOG_BYTES) {
		const struct link_purges_entry *entry = link_purges_get(purges, peer->purge_next);
		if (entry->revision > peer->edge.applied)
			return;
		send_purge(peer, entry);
	}
}

/* Tells what there is to tell. */
static void go_on(struct peer *peer)
{
	struct link_hub *hub = peer->hub;
	if (!peer->has_greeted)
		return;
	if (hub->certificates != NULL)
		link_certificates_walk_go(&peer->certificates, hub->certificates, peer->wire);
	tell_purges(peer);
	if (peer->walked == NULL && peer->told < model_snapshot_revision(hub->snapshot))
		begin_walk(peer, peer->told < hub->gone_since || peer->told == 0);
	if (peer->walked != NULL)
		walk(peer);
}

static void send_subscription(struct peer *peer)
{
	struct text *line = &peer->hub->line;
	text_clear(line);
	link_message_print_subscription(&peer->hub->subscription, line);
	link_wire_send(peer->wire, LINK_SAYS_SUBSCRIBE, text_str(line));
}

static bool is_anything_wanted(const struct link_hub *hub)
{
	for (unsigned i = 0; i < LINK_REPORTS; i++)
		if (hub->subscription.every_ms[i] > 0)
			return true;
	return false;
}

/* ---- edges ---- */

static void free_peer(struct peer *peer)
{
	struct link_hub *hub = peer->hub;
	end_walk(peer);
	link_certificates_walk_done(&peer->certificates);
	hub->strangers -= peer->is_stranger;
	loop_timer_cancel(hub->loop, &peer->patience);
	link_wire_free(peer->wire);
	list_remove(&peer->node);
	hub->count--;
	hub->greeted -= peer->has_greeted;
	mem_free(peer->id);
	mem_free(peer->run);
	mem_free(peer->version);
	mem_free(peer->error);
	mem_free(peer);
}

/* Nobody waits for an answer that cannot come any more. */
static void drop_asks(struct peer *peer)
{
	struct link_hub_sink *sink = peer->hub->sink;
	for (unsigned i = 0; i < peer->ask_count; i++)
		sink->on_answer(sink, &peer->edge,
		        &(struct link_told){
		                .number = peer->asks[i], .error = STR("the edge is gone")});
	peer->ask_count = 0;
}

static void tell_stranger(const struct peer *peer, const char *why)
{
	struct link_hub_sink *sink = peer->hub->sink;
	if (sink->on_stranger != NULL)
		sink->on_stranger(sink, peer->from, why);
}

static void on_end(struct link_wire_sink *sink, const char *why)
{
	struct peer *peer = container_of(sink, struct peer, sink);
	struct link_hub *hub = peer->hub;
	drop_asks(peer);
	if (peer->has_greeted) {
		peer->has_greeted = false;
		hub->greeted--;
		hub->sink->on_gone(hub->sink, &peer->edge, why);
	} else if (peer->is_stranger) {
		tell_stranger(peer, why);
	}
	free_peer(peer);
}

static void on_sent(struct link_wire_sink *sink)
{
	go_on(container_of(sink, struct peer, sink));
}

static struct link_hello hello_of(const struct peer *peer)
{
	const struct link_hub *hub = peer->hub;
	return (struct link_hello){.id = str_of(hub->id),
	        .run = str_of(hub->run),
	        .version = STR(HEADWATER_VERSION),
	        .store = str_of(hub->store),
	        .revision = peer->said_revision,
	        .purged = peer->said_last,
	        .oldest = peer->said_oldest,
	        .past = hub->past,
	        .past_count = hub->past_count};
}

/* Numbers that we never gave are none of ours, as after a store was put back from a copy. The edge
 * comes to the same by what we have said. */
static bool is_ours(const struct peer *peer, const struct link_hello *hello)
{
	const struct link_hello said = hello_of(peer);
	return link_message_is_known(&said, hello->store, hello->revision, hello->purged);
}

static void greet_purges(struct peer *peer, uint64_t purged)
{
	peer->edge.purged = purged;
	peer->purge_next = peer->edge.purged + 1;
	if (peer->purge_next < peer->said_oldest)
		peer->purge_next = peer->said_oldest;
	peer->purge_answered = peer->purge_next - 1;
}

/* One that is of another machine has it in its certificate; each machine has its own. */
static bool is_who_it_says(const struct peer *peer, struct str id)
{
	struct text name = {0};
	text_add(&name, id);
	bool is = peer->tls == NULL || tls_peer_is(peer->tls, text_c(&name));
	text_done(&name);
	return is;
}

static void welcome(struct peer *peer, const struct link_hello *hello)
{
	struct link_hub *hub = peer->hub;
	const bool is_known = is_ours(peer, hello);
	peer->id = mem_copy(hello->id.at, hello->id.len);
	peer->edge.id = peer->id;
	peer->run = mem_copy(hello->run.at, hello->run.len);
	peer->edge.run = peer->run;
	peer->version = mem_copy(hello->version.at, hello->version.len);
	peer->edge.version = peer->version;
	peer->edge.applied = peer->told = is_known ? hello->revision : 0;
	greet_purges(peer, is_known ? hello->purged : 0);
	loop_timer_cancel(hub->loop, &peer->patience);
	hub->strangers -= peer->is_stranger;
	peer->is_stranger = false;
	peer->has_greeted = true;
	hub->greeted++;
	hub->sink->on_edge(hub->sink, &peer->edge);
	if (is_anything_wanted(hub))
		send_subscription(peer);
	go_on(peer);
}

static void send_hello(struct peer *peer)
{
	struct link_hub *hub = peer->hub;
	peer->said_revision = model_snapshot_revision(hub->snapshot);
	peer->said_oldest = hub->purges.first;
	peer->said_last = hub->purges.last;
	const struct link_hello hello = hello_of(peer);
	text_clear(&hub->line);
	link_message_print_hello(&hello, &hub->line);
	link_wire_send(peer->wire, LINK_SAYS_HELLO, text_str(&hub->line));
}

static void greet(struct peer *peer, struct str payload)
{
	struct arena arena;
	struct link_hello hello;
	struct text error = {0};
	arena_init(&arena, NULL, 0);
	if (!link_message_read_hello(&arena, payload, &hello, &error))
		link_wire_end(peer->wire, "it did not say who it is in this version's words");
	else if (!is_who_it_says(peer, hello.id))
		link_wire_end(peer->wire, "its certificate is not for the name that it says");
	else {
		if (peer->is_stranger)
			send_hello(peer);
		welcome(peer, &hello);
	}
	text_done(&error);
	arena_reset(&arena);
}

static bool hear_applied(struct peer *peer, struct arena *arena, struct str payload)
{
	uint64_t revision;
	if (!link_message_read_number(arena, payload, "revision", &revision, NULL) ||
	        revision > peer->told)
		return false;
	peer->edge.applied = revision;
	peer->edge.refused = 0;
	peer->edge.error = "";
	peer->hub->sink->on_edge(peer->hub->sink, &peer->edge);
	tell_purges(peer);
	return true;
}

static bool hear_refused(struct peer *peer, struct arena *arena, struct str payload)
{
	uint64_t revision;
	struct str error;
	if (!link_message_read_number(arena, payload, "revision", &revision, &error) ||
	        revision > peer->told)
		return false;
	mem_free(peer->error);
	peer->error = mem_copy(error.at, error.len);
	peer->edge.refused = revision;
	peer->edge.error = peer->error;
	peer->hub->sink->on_edge(peer->hub->sink, &peer->edge);
	return true;
}

static bool hear_purged(struct peer *peer, struct arena *arena, struct str payload)
{
	struct link_hub_sink *sink = peer->hub->sink;
	struct link_purged said;
	if (!link_message_read_purged(arena, payload, &said) || said.number >= peer->purge_next ||
	        said.purged >= peer->purge_next || said.purged < peer->edge.purged)
		return false;
	peer->edge.purged = said.purged;
	if (said.purged > peer->purge_answered)
		peer->purge_answered = said.purged;
	if (sink->on_purged != NULL)
		sink->on_purged(sink, &peer->edge, said.number, said.error);
	tell_purges(peer);
	return true;
}

static bool hear_shown(struct peer *peer, struct arena *arena, struct str payload)
{
	uint64_t revision;
	if (!link_message_read_number(arena, payload, "revision", &revision, NULL) ||
	        revision > peer->certificates.told)
		return false;
	peer->edge.shown = revision;
	peer->hub->sink->on_edge(peer->hub->sink, &peer->edge);
	return true;
}

static bool hear_answer(struct peer *peer, struct arena *arena, struct str payload)
{
	struct link_hub_sink *sink = peer->hub->sink;
	struct link_told told;
	unsigned i = 0;
	if (!link_message_read_answer(arena, payload, &told))
		return false;
	while (i < peer->ask_count && peer->asks[i] != told.number)
		i++;
	if (i == peer->ask_count)
		return false;
	peer->asks[i] = peer->asks[--peer->ask_count];
	sink->on_answer(sink, &peer->edge, &told);
	return true;
}

/* One that is on its way when nobody wants it any more is left alone. */
static void hear_report(struct peer *peer, enum link_report_kind kind, struct str payload)
{
	struct link_hub *hub = peer->hub;
	if (hub->subscription.every_ms[kind] > 0 && hub->sink->on_report != NULL)
		hub->sink->on_report(hub->sink, &peer->edge, kind, payload);
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct peer *peer = container_of(sink, struct peer, sink);
	struct arena arena;
	bool is_right = false;
	arena_init(&arena, NULL, 0);
	if (!peer->has_greeted && kind == LINK_SAYS_HELLO) {
		greet(peer, payload);
		is_right = true;
	} else if (peer->has_greeted && kind == LINK_SAYS_APPLIED) {
		is_right = hear_applied(peer, &arena, payload);
	} else if (peer->has_greeted && kind == LINK_SAYS_REFUSED) {
		is_right = hear_refused(peer, &arena, payload);
	} else if (peer->has_greeted && kind == LINK_SAYS_PURGED) {
		is_right = hear_purged(peer, &arena, payload);
	} else if (peer->has_greeted && kind == LINK_SAYS_SHOWN) {
		is_right = hear_shown(peer, &arena, payload);
	} else if (peer->has_greeted && kind == LINK_SAYS_ANSWER) {
		is_right = hear_answer(peer, &arena, payload);
	} else if (peer->has_greeted && link_message_report_of(kind) < LINK_REPORTS) {
		hear_report(peer, link_message_report_of(kind), payload);
		is_right = true;
	}
	if (!is_right)
		link_wire_end(peer->wire, "it said what no edge says");
	arena_reset(&arena);
}

static void on_impatience(struct timer *timer)
{
	struct peer *peer = container_of(timer, struct peer, patience);
	link_wire_end(peer->wire, "it took too long to say who it is");
}

/* `from` is an address, or empty for this machine. */
static void open_peer(struct link_hub *hub, int socket, struct tls *tls, const char *from)
{
	struct peer *peer = mem_new(struct peer);
	peer->hub = hub;
	peer->edge.error = "";
	snprintf(peer->from, sizeof(peer->from), "%s", from);
	if (tls != NULL)
		peer->edge.from = peer->from;
	peer->tls = tls;
	peer->patience.on_expire = on_impatience;
	peer->sink = (struct link_wire_sink){
	        .on_message = on_message, .on_sent = on_sent, .on_end = on_end};
	peer->wire = link_wire_new(hub->loop, socket, tls, &hub->times, &peer->sink);
	if (peer->wire == NULL) {
		mem_free(peer);
		return;
	}
	list_add_last(&hub->peers, &peer->node);
	hub->count++;
	if (tls != NULL) {
		peer->is_stranger = true;
		hub->strangers++;
		loop_timer_start(hub->loop, &peer->patience, clock_ms() + hub->times.lease_ms);
	} else {
		send_hello(peer);
	}
}

/* Makes room for one stranger more. */
static void drop_oldest_stranger(struct link_hub *hub)
{
	list_each (node, &hub->peers) {
		struct peer *peer = container_of(node, struct peer, node);
		if (!peer->is_stranger)
			continue;
		tell_stranger(peer, "too many came after it that have not said who they are");
		free_peer(peer);
		return;
	}
}

static void on_connected(
        struct link_gates_sink *sink, int socket, struct tls *tls, const char *from)
{
	struct link_hub *hub = container_of(sink, struct link_hub, gates_sink);
	if (hub->count - hub->strangers >= LIMIT_LINK_EDGES) {
		tls_free(tls);
		close(socket);
		return;
	}
	if (tls != NULL && hub->strangers == LIMIT_LINK_STRANGERS)
		drop_oldest_stranger(hub);
	open_peer(hub, socket, tls, from);
}

static void on_trouble(struct link_gates_sink *sink, const char *words)
{
	struct link_hub *hub = container_of(sink, struct link_hub, gates_sink);
	if (hub->sink->on_trouble != NULL)
		hub->sink->on_trouble(hub->sink, words);
}

/* ---- changes ---- */

/* Whether the edge needs no walk: it was told all there was before. */
static bool is_up_to_date(const struct peer *peer)
{
	return peer->has_greeted && peer->walked == NULL && peer->told > 0 &&
	       peer->told == model_snapshot_revision(peer->hub->snapshot) &&
	       link_wire_backlog(peer->wire) <= LIMIT_LINK_BACKLOG_BYTES;
}

static void send_changes(
        struct peer *peer, const struct model_change *changes, size_t count, uint64_t revision)
{
	for (size_t i = 0; i < count; i++) {
		if (changes[i].domain != NULL)
			send_domain(peer, changes[i].domain);
		else
			send_gone(peer, changes[i].name);
	}
	send_commit(peer, revision);
}

/* The oldest quarter goes at once, so that it is not done for each. */
static void make_room_for_gone(struct link_hub *hub)
{
	if (hub->gone_count == LIMIT_LINK_GONE) {
		size_t dropped = LIMIT_LINK_GONE / 4;
		hub->gone_since = hub->gone[dropped - 1].revision;
		for (size_t i = 0; i < dropped; i++)
			mem_free(hub->gone[i].name);
		hub->gone_count -= dropped;
		memmove(hub->gone, hub->gone + dropped, hub->gone_count * sizeof(hub->gone[0]));
		/* Whoever is on the way through them begins anew. */
		list_each (node, &hub->peers) {
			struct peer *peer = container_of(node, struct peer, node);
			if (peer->walked != NULL && peer->walk_from > 0)
				link_wire_end(peer->wire, "it read too slowly");
		}
	}
	if (hub->gone_count == hub->gone_cap) {
		hub->gone_cap = hub->gone_cap == 0 ? 16 : hub->gone_cap * 2;
		hub->gone = mem_resize(hub->gone, hub->gone_cap * sizeof(hub->gone[0]));
	}
}

void link_hub_add_gone(struct link_hub *hub, const char *name, uint64_t revision)
{
	make_room_for_gone(hub);
	hub->gone[hub->gone_count++] =
	        (struct gone){.name = mem_copy(name, strlen(name)), .revision = revision};
}

void link_hub_change(
        struct link_hub *hub, const struct model_change *changes, size_t count, uint64_t revision)
{
	struct model_snapshot *old = hub->snapshot;
	CHECK(revision >= model_snapshot_revision(old));
	/* As long as the old one is what the hub has. */
	list_each (node, &hub->peers) {
		struct peer *peer = container_of(node, struct peer, node);
		if (count <= CHANGES_AT_ONCE && is_up_to_date(peer))
			send_changes(peer, changes, count, revision);
	}
	hub->snapshot = model_snapshot_with(old, changes, count, revision);
	model_snapshot_unref(old);
	for (size_t i = 0; i < count; i++)
		if (changes[i].domain == NULL)
			link_hub_add_gone(hub, changes[i].name, revision);
	list_each (node, &hub->peers)
		go_on(container_of(node, struct peer, node));
}

/* ---- purges ---- */

static void tell_all_purges(struct link_hub *hub)
{
	list_each (node, &hub->peers) {
		struct peer *peer = container_of(node, struct peer, node);
		if (peer->has_greeted)
			tell_purges(peer);
	}
}

void link_hub_keep_purges_from(struct link_hub *hub, uint64_t number)
{
	link_purges_drop_below(&hub->purges, number);
	tell_all_purges(hub);
}

void link_hub_purge(struct link_hub *hub, uint64_t number, uint64_t revision, struct str line)
{
	CHECK(line.len <= LIMIT_LINK_MESSAGE_BYTES - PURGE_HEAD_BYTES);
	link_purges_add(&hub->purges, number, revision, line);
	tell_all_purges(hub);
}

/* ---- certificates ---- */

void link_hub_set_certificates(struct link_hub *hub, struct link_certificates *list)
{
	struct link_certificates *before = hub->certificates;
	hub->certificates = link_certificates_ref(list);
	link_certificates_unref(before);
	list_each (node, &hub->peers)
		go_on(container_of(node, struct peer, node));
}

/* ---- reports ---- */

void link_hub_subscribe(struct link_hub *hub, const struct link_subscription *subscription)
{
	if (memcmp(&hub->subscription, subscription, sizeof(*subscription)) == 0)
		return;
	memcpy(&hub->subscription, subscription, sizeof(*subscription));
	list_each (node, &hub->peers) {
		struct peer *peer = container_of(node, struct peer, node);
		if (peer->has_greeted)
			send_subscription(peer);
	}
}

/* ---- questions ---- */

/* The one to be asked; NULL. */
static struct peer *find_peer(struct link_hub *hub, const char *edge)
{
	struct peer *found = NULL;
	list_each (node, &hub->peers) {
		struct peer *peer = container_of(node, struct peer, node);
		if (!peer->has_greeted || peer->ask_count == LIMIT_LINK_ASKS ||
		        (edge != NULL && strcmp(peer->id, edge) != 0))
			continue;
		if (found == NULL || peer->edge.applied >= found->edge.applied)
			found = peer;
	}
	return found;
}

uint64_t link_hub_ask(struct link_hub *hub, const char *edge, struct str what, struct str question)
{
	struct peer *peer = find_peer(hub, edge);
	CHECK(hub->sink->on_answer != NULL);
	if (peer == NULL)
		return 0;
	text_clear(&hub->line);
	link_message_print_ask(++hub->last_ask, what, question, &hub->line);
	peer->asks[peer->ask_count++] = hub->last_ask;
	link_wire_send(peer->wire, LINK_SAYS_ASK, text_str(&hub->line));
	return hub->last_ask;
}

/* ---- what is known ---- */

const struct model_snapshot *link_hub_snapshot(const struct link_hub *hub)
{
	return hub->snapshot;
}

uint64_t link_hub_applied(const struct link_hub *hub)
{
	uint64_t lowest = model_snapshot_revision(hub->snapshot);
	list_each (node, &hub->peers) {
		const struct peer *peer = container_of(node, struct peer, node);
		if (peer->has_greeted && peer->edge.applied < lowest)
			lowest = peer->edge.applied;
	}
	return lowest;
}

unsigned link_hub_edge_count(const struct link_hub *hub)
{
	return hub->greeted;
}

/* ---- the hub ---- */

struct link_hub *link_hub_open(struct loop *loop, int socket,
        const struct link_hub_options *options, struct link_hub_sink *sink)
{
	struct link_hub *hub = mem_new(struct link_hub);
	hub->loop = loop;
	hub->sink = sink;
	hub->id = mem_copy(options->id, strlen(options->id));
	hub->store = mem_copy(options->store, strlen(options->store));
	CHECK(options->past_count <= LIMIT_LINK_EPOCHS);
	for (; hub->past_count < options->past_count; hub->past_count++) {
		struct link_past *past = &hub->past[hub->past_count];
		*past = options->past[hub->past_count];
		past->store.at = mem_copy(past->store.at, past->store.len);
	}
	hub->times = options->times;
	link_wire_make_run(hub->run);
	hub->snapshot = model_snapshot_new();
	link_purges_init(&hub->purges);
	list_init(&hub->peers);
	hub->gates_sink =
	        (struct link_gates_sink){.on_connected = on_connected, .on_trouble = on_trouble};
	hub->gates = link_gates_new(loop, &hub->gates_sink);
	if (link_gates_open_local(hub->gates, socket))
		return hub;
	link_hub_close(hub);
	return NULL;
}

bool link_hub_listen(struct link_hub *hub, const int *sockets, unsigned count, const char *identity)
{
	return link_gates_open(hub->gates, sockets, count, identity);
}

void link_hub_close(struct link_hub *hub)
{
	if (hub == NULL)
		return;
	while (!list_is_empty(&hub->peers))
		free_peer(container_of(list_first(&hub->peers), struct peer, node));
	link_gates_free(hub->gates);
	for (size_t i = 0; i < hub->gone_count; i++)
		mem_free(hub->gone[i].name);
	mem_free(hub->gone);
	link_purges_done(&hub->purges);
	link_certificates_unref(hub->certificates);
	model_snapshot_unref(hub->snapshot);
	text_done(&hub->line);
	for (unsigned i = 0; i < hub->past_count; i++)
		mem_free((void *)(uintptr_t)hub->past[i].store.at);
	mem_free(hub->id);
	mem_free(hub->store);
	mem_free(hub);
}
