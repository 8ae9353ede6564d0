/*
 * The loop's thread has the API's connections and the link; changes reach the hub as messages, in
 * the order in which they were made. The store is opened by a thread of its own, and tried again
 * until that can be: by then the API answers, and the edges serve what they have.
 */
/* tidy: untested - it is a whole process: tests/functional/test_control.py */
#include "control/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/announce.h"
#include "control/exchanges.h"
#include "control/forgetting.h"
#include "control/opening.h"
#include "link/file.h"
#include "link/hub.h"
#include "net/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
	OPEN_AGAIN_MS = 200,
	FILE_AGAIN_MS = 1000,
	HOUR_MS = 3600 * 1000,
	LOOK_AFTER_MS = 1000, /* a store that does not work */
	LOOK_MS = 20,         /* whether everybody has left */
	COUNTERS_MS = 10000,  /* how often edges report what they count */
	STRANGERS_MS = 10000,
	PING_MS = 3000,
	TAIL_MS = 250, /* how often an edge tells of requests, and how often at most any one does */
	TAIL_APART_MS = 100,
	TAIL_MS_MAX = 5000,
	EPOCH_NAME_BYTES = STORE_ID_BYTES + STORE_EPOCH_BYTES, /* a dot for a NUL */
};

struct control {
	struct control_options options;
	struct loop *loop;
	struct control_plane plane;
	struct control_domains_sink domains_sink;
	struct control_certificates_sink certificates_sink;
	struct control_exchanges *exchanges;
	struct link_hub *hub; /* NULL until the store is open */
	struct link_hub_sink hub_sink;
	struct link_subscription subscription; /* what is wanted of the edges */
	struct control_health_sink health_sink;
	struct control_tail_sink tail_sink;
	struct link_file *feed; /* where a file manages the domains */
	struct link_sink feed_sink;
	struct disk *opener;
	struct disk_operation operation;
	struct control_opening opening;
	struct text complaint; /* why the store is not open; as it was told last */
	struct control_fleet_sink fleet_sink;
	struct timer open_again, file_again, look, hour, look_after;
	struct disk_operation check_operation;
	enum store_failure check;
	bool is_checking;
	uint64_t strangers, strangers_from_ms; /* how many, and when the next one is told of */
	uint64_t told_applied; /* the revision that all edges were last told to have */
	struct control_stats_sink stats_sink;
	struct control_forgetting *forgetting;
	uint64_t settings_revision; /* that what is kept goes by */
	uint64_t drain_deadline_ms;
	bool is_opening, is_draining;
};

/* ---- events ---- */

/* NULL at the end. */
static struct control_events *events_of(struct control *control)
{
	return control->exchanges == NULL ? NULL : control_exchanges_events(control->exchanges);
}

/* Tells, once, that all edges have what is the latest. */
static void tell_applied(struct control *control)
{
	unsigned edges = link_hub_edge_count(control->hub);
	uint64_t revision = model_snapshot_revision(link_hub_snapshot(control->hub));
	if (edges == 0 || revision == control->told_applied ||
	        link_hub_applied(control->hub) != revision)
		return;
	control->told_applied = revision;
	control_announce_applied(events_of(control), revision, edges);
}

/* ---- changes on their way to the hub ---- */

struct news {
	struct loop_message message;
	struct control *control;
	uint64_t revision;
	size_t count;
	struct model_change changes[]; /* with references, and copies of the names that go */
};

static void on_news(struct loop_message *message)
{
	struct news *news = container_of(message, struct news, message);
	/* What a file manages, edges have from there. */
	if (news->control->hub != NULL && news->control->options.domains == NULL)
		link_hub_change(news->control->hub, news->changes, news->count, news->revision);
	control_announce_made(events_of(news->control), news->revision, news->count);
	for (size_t i = 0; i < news->count; i++) {
		mem_free((void *)(uintptr_t)news->changes[i].name);
		model_domain_unref(news->changes[i].domain);
	}
	mem_free(news);
}

static void on_changes(struct control_domains_sink *sink, const struct model_change *changes,
        size_t count, uint64_t revision)
{
	struct control *control = container_of(sink, struct control, domains_sink);
	struct news *news = mem_zero(sizeof(*news) + count * sizeof(news->changes[0]));
	news->message.on_receive = on_news;
	news->control = control;
	news->revision = revision;
	news->count = count;
	for (size_t i = 0; i < count; i++) {
		const char *name = changes[i].name;
		struct model_domain *domain = changes[i].domain;
		news->changes[i].name = mem_copy(name, strlen(name));
		news->changes[i].domain = domain == NULL ? NULL : model_domain_ref(domain);
	}
	loop_post(control->loop, &news->message);
}

/* ---- certificates on their way to the hub ---- */

struct listed {
	struct loop_message message;
	struct control *control;
	struct link_certificates *list;
};

static void on_listed(struct loop_message *message)
{
	struct listed *listed = container_of(message, struct listed, message);
	if (listed->control->hub != NULL)
		link_hub_set_certificates(listed->control->hub, listed->list);
	link_certificates_unref(listed->list);
	mem_free(listed);
}

static void on_list(struct control_certificates_sink *sink, struct link_certificates *list)
{
	struct control *control = container_of(sink, struct control, certificates_sink);
	struct listed *listed = mem_new(struct listed);
	listed->message.on_receive = on_listed;
	listed->control = control;
	listed->list = link_certificates_ref(list);
	loop_post(control->loop, &listed->message);
}

/* ---- what is wanted of edges ---- */

/* Has all edges report so often, or (0) not any more. */
static void subscribe(struct control *control, enum link_report_kind kind, uint32_t every_ms)
{
	control->subscription.every_ms[kind] = every_ms;
	if (control->hub != NULL)
		link_hub_subscribe(control->hub, &control->subscription);
}

/* The more edges there are, the less often each tells of requests: it is one thread that reads it
 * all. */
static void ask_for_log(struct control *control)
{
	unsigned edges = control->hub == NULL ? 0 : link_hub_edge_count(control->hub);
	uint32_t every_ms = edges * TAIL_APART_MS;
	if (every_ms < TAIL_MS)
		every_ms = TAIL_MS;
	else if (every_ms > TAIL_MS_MAX)
		every_ms = TAIL_MS_MAX;
	subscribe(control, LINK_REPORT_LOG, control->subscription.filter_count > 0 ? every_ms : 0);
}

static void on_tail_wanted(
        struct control_tail_sink *sink, const struct link_filter *filters, unsigned count)
{
	struct control *control = container_of(sink, struct control, tail_sink);
	struct link_subscription *to = &control->subscription;
	memset(to->filters, 0, sizeof(to->filters));
	memcpy(to->filters, filters, count * sizeof(filters[0]));
	to->filter_count = count;
	ask_for_log(control);
}

/* ---- edges ---- */

static void on_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	struct control *control = container_of(sink, struct control, hub_sink);
	control_health_add(control->plane.health, edge);
	if (control_fleet_set(control->plane.fleet, edge, clock_wall_ms())) {
		log_info("edge %s is connected%s%s, with revision %llu", edge->id,
		        edge->from != NULL ? " from " : "", edge->from != NULL ? edge->from : "",
		        (unsigned long long)edge->applied);
		control_purges_note(control->plane.purges, edge->id, edge->purged, NULL);
		control_announce_edge(events_of(control), edge, CONTROL_ANNOUNCE_CAME, NULL);
		ask_for_log(control);
	}
	if (edge->refused != 0) {
		log_error("edge %s cannot read revision %llu: %s", edge->id,
		        (unsigned long long)edge->refused, edge->error);
		control_announce_edge(
		        events_of(control), edge, CONTROL_ANNOUNCE_REFUSED, edge->error);
	}
	tell_applied(control);
}

static void on_gone(struct link_hub_sink *sink, const struct link_hub_edge *edge, const char *why)
{
	struct control *control = container_of(sink, struct control, hub_sink);
	control_fleet_remove(control->plane.fleet, edge, clock_wall_ms());
	control_health_remove(control->plane.health, edge);
	log_info("edge %s is gone: %s", edge->id, why);
	control_announce_edge(events_of(control), edge, CONTROL_ANNOUNCE_GONE, why);
	ask_for_log(control);
	tell_applied(control);
}

/* Anybody can have us write a line, so it is one in a while. */
static void on_stranger(struct link_hub_sink *sink, const char *from, const char *why)
{
	struct control *control = container_of(sink, struct control, hub_sink);
	control->strangers++;
	if (clock_ms() < control->strangers_from_ms)
		return;
	control->strangers_from_ms = clock_ms() + STRANGERS_MS;
	log_warning("no edge: a connection from %s ended: %s (%llu such connections since the "
	            "start)",
	        from, why, (unsigned long long)control->strangers);
}

static void on_trouble(struct link_hub_sink *sink, const char *words)
{
	(void)sink;
	log_error("%s", words);
}

static void on_purged(struct link_hub_sink *sink, const struct link_hub_edge *edge, uint64_t number,
        struct str error)
{
	struct control *control = container_of(sink, struct control, hub_sink);
	struct text words = {0};
	text_add(&words, error);
	(void)control_fleet_set(control->plane.fleet, edge, clock_wall_ms());
	control_purges_note(control->plane.purges, edge->id, number, text_c(&words));
	if (error.len != 0)
		log_warning("edge %s has not done purge %llu: %s", edge->id,
		        (unsigned long long)number, text_c(&words));
	text_done(&words);
}

static void on_answer(
        struct link_hub_sink *sink, const struct link_hub_edge *edge, const struct link_told *told)
{
	struct control *control = container_of(sink, struct control, hub_sink);
	control_asks_note(control->plane.asks, edge, told);
}

static void on_connected(struct control_fleet_sink *sink, const char *id, uint64_t purged,
        uint64_t applied, bool is_connected)
{
	(void)applied;
	struct control *control = container_of(sink, struct control, fleet_sink);
	if (is_connected)
		control_purges_note(control->plane.purges, id, purged, NULL);
}

static void on_report(struct link_hub_sink *sink, const struct link_hub_edge *edge,
        enum link_report_kind kind, struct str payload)
{
	struct control *control = container_of(sink, struct control, hub_sink);
	if (kind == LINK_REPORT_HEALTH)
		control_health_report(control->plane.health, edge, payload);
	else if (kind == LINK_REPORT_COUNTERS)
		control_stats_report(control->plane.stats, edge->run, payload, clock_wall_ms());
	else if (kind == LINK_REPORT_LOG && control->exchanges != NULL)
		control_tail_report(control_exchanges_tail(control->exchanges), edge, payload);
}

static void on_health_wanted(struct control_health_sink *sink, bool is_wanted)
{
	struct control *control = container_of(sink, struct control, health_sink);
	subscribe(control, LINK_REPORT_HEALTH, is_wanted ? CONTROL_HEALTH_REPORT_MS : 0);
}

static void on_health_change(
        struct control_health_sink *sink, const struct control_health_change *change)
{
	struct control *control = container_of(sink, struct control, health_sink);
	control_announce_health(events_of(control), &control->plane, change);
}

static void on_health_told(struct control_health_sink *sink, const char *id, const char *run)
{
	struct control *control = container_of(sink, struct control, health_sink);
	control_announce_addresses(events_of(control), &control->plane, id, run);
}

/* Who begins to want counters is told all of them. */
static void on_missed(struct control_stats_sink *sink)
{
	struct control *control = container_of(sink, struct control, stats_sink);
	subscribe(control, LINK_REPORT_COUNTERS, 0);
	subscribe(control, LINK_REPORT_COUNTERS, COUNTERS_MS);
}

/* What is too old goes. */
static void expire(struct control *control)
{
	/* An edge that has nothing to say for days is still there. */
	control_fleet_each(control->plane.fleet, &control->fleet_sink);
	control_purges_expire(
	        control->plane.purges, control_settings_until_ms(control->plane.settings,
	                                       CONTROL_SETTING_PURGE_DAYS, clock_wall_ms()));
	control_forgetting_wake(control->forgetting);
}

static void on_hour(struct timer *timer)
{
	struct control *control = container_of(timer, struct control, hour);
	expire(control);
	loop_timer_start(control->loop, timer, clock_ms() + HOUR_MS);
}

/* How the link calls an epoch of a store. */
static void name_epoch(const struct store *store, const struct store_epoch *epoch, char *to)
{
	snprintf(to, EPOCH_NAME_BYTES, "%s.%s", store_id(store), epoch->name);
}

/* The hub by itself; NULL when the kernel refuses. */
static struct link_hub *make_hub(struct control *control, const struct store *store)
{
	struct utsname machine;
	const struct control_opening *opening = &control->opening;
	char names[LIMIT_LINK_EPOCHS][EPOCH_NAME_BYTES];
	struct link_past past[LIMIT_LINK_EPOCHS];
	for (unsigned i = 0; i < opening->epoch_count; i++) {
		const struct store_epoch *epoch = &opening->epochs[i];
		name_epoch(store, epoch, names[i]);
		past[i] = (struct link_past){str_of(names[i]), epoch->revision, epoch->purge};
	}
	CHECK(uname(&machine) == 0 && opening->epoch_count > 0);
	const struct link_hub_options options = {
	        .id = machine.nodename[0] != '\0' ? machine.nodename : "control",
	        .store = names[opening->epoch_count - 1],
	        .past = past,
	        .past_count = opening->epoch_count - 1,
	        .times = {.ping_ms = PING_MS, .lease_ms = LIMIT_LINK_LEASE_MS},
	};
	return link_hub_open(control->loop, control->options.link, &options, &control->hub_sink);
}

/* The hub, with what went before this process; false when the kernel refuses. */
static bool open_hub(struct control *control, struct store *store)
{
	const struct control_opening *opening = &control->opening;
	control->hub = make_hub(control, store);
	control->options.link = -1;
	if (control->hub == NULL)
		return false;
	if (control->options.link_count > 0 &&
	        !link_hub_listen(control->hub, control->options.links, control->options.link_count,
	                control->options.link_identity))
		return false;
	link_hub_subscribe(control->hub, &control->subscription);
	for (size_t i = 0; i < opening->gone_count; i++)
		link_hub_add_gone(control->hub, opening->gone[i].name, opening->gone[i].revision);
	for (size_t i = 0; i < opening->edge_count; i++)
		control_fleet_expect(control->plane.fleet, str_of(opening->edges[i].id),
		        opening->edges[i].purged, clock_wall_ms());
	link_hub_keep_purges_from(control->hub, opening->span.oldest);
	for (size_t k = 0; k < opening->purge_count; k++)
		link_hub_purge(control->hub, opening->purges[k].number,
		        control->options.domains == NULL ? opening->purges[k].revision : 0,
		        str_of(opening->purges[k].line));
	control_purges_begin(control->plane.purges, control->hub, store);
	control_asks_begin(control->plane.asks, control->hub);
	control_stats_begin(control->plane.stats, store, control->plane.settings);
	subscribe(control, LINK_REPORT_COUNTERS, COUNTERS_MS);
	return true;
}

/* ---- the store ---- */

static void open_store(struct control *control);

static void on_open_again(struct timer *timer)
{
	open_store(container_of(timer, struct control, open_again));
}

/* That it is not open is told once for each reason. */
static void complain(struct control *control)
{
	struct text *words = &control->opening.error;
	if (!str_is_equal(text_str(words), text_str(&control->complaint))) {
		log_error("the store cannot be opened: %s", text_c(words));
		atomic_fetch_add(&control->plane.metrics.store_errors, 1);
		text_clear(&control->complaint);
		text_add(&control->complaint, text_str(words));
		control_plane_set_trouble(&control->plane, text_str(words));
	}
	if (!control->is_draining)
		loop_timer_start(control->loop, &control->open_again, clock_ms() + OPEN_AGAIN_MS);
}

static void use_store(struct control *control)
{
	struct control_opening *opening = &control->opening;
	struct control_domains *domains = control->plane.domains;
	if (control->options.link >= 0 && !open_hub(control, opening->store))
		log_error("the machine refuses to watch the socket for edges: %m");
	if (opening->unusable.len > 0)
		log_warning("the store has settings that this version cannot use, whose defaults "
		            "hold: %s",
		        text_c(&opening->unusable));
	control_settings_take(
	        control->plane.settings, &opening->settings, opening->settings_revision);
	control->settings_revision = opening->settings_revision;
	if (control->options.domains == NULL) {
		control_domains_begin(domains);
		control_domains_take(domains, opening->changes, opening->count, opening->revision);
		control_domains_end(domains);
	}
	control_certificates_take(control->plane.certificates, opening->certificates);
	log_info("the store is open: revision %llu, %zu domains",
	        (unsigned long long)opening->revision, opening->count);
	if (opening->password[0] != '\0')
		log_info("%s is admin, its password %s (it must be changed at the next login)",
		        opening->is_reset ? "the account with a new password" : "the first account",
		        opening->password);
	control_plane_set_trouble(&control->plane, STR_EMPTY);
	atomic_store(&control->plane.store, opening->store);
	control_forgetting_begin(control->forgetting, opening->store);
	opening->store = NULL;
}

static void on_opened(struct disk_operation *operation)
{
	struct control *control = container_of(operation, struct control, operation);
	control->is_opening = false;
	if (control->opening.store != NULL)
		use_store(control);
	else
		complain(control);
	control_opening_done(&control->opening);
}

static void run_opening(struct disk_operation *operation)
{
	struct control *control = container_of(operation, struct control, operation);
	control_opening_run(&control->opening);
}

static void open_store(struct control *control)
{
	control->opening = (struct control_opening){
	        .options = {control->options.store_path, control->options.key_path},
	        .reset_path = control->options.reset_path,
	};
	control->operation = (struct disk_operation){
	        .verb = DISK_CALL, .call = run_opening, .on_done = on_opened};
	control->is_opening = true;
	disk_submit(control->opener, control->loop, &control->operation);
}

/* Whether it works again is found out by writing to it; else who asks would be told of a trouble
 * until the next change. */
static void on_checked(struct disk_operation *operation)
{
	struct control *control = container_of(operation, struct control, check_operation);
	control->is_checking = false;
	if (control->check == STORE_DONE)
		control_plane_set_trouble(&control->plane, STR_EMPTY);
}

static void run_check(struct disk_operation *operation)
{
	struct control *control = container_of(operation, struct control, check_operation);
	control->check = store_try(atomic_load(&control->plane.store));
}

/* Whoever has it kept for less sees that it goes. */
static void look_at_settings(struct control *control)
{
	struct control_setting_set set;
	uint64_t revision = control_settings_now(control->plane.settings, &set);
	if (revision == control->settings_revision)
		return;
	control->settings_revision = revision;
	expire(control);
}

static void on_look_after(struct timer *timer)
{
	struct control *control = container_of(timer, struct control, look_after);
	struct text words = {0};
	bool has_trouble = control_plane_has_trouble(&control->plane, &words);
	text_done(&words);
	if (has_trouble && !control->is_checking && atomic_load(&control->plane.store) != NULL) {
		control->is_checking = true;
		control->check_operation = (struct disk_operation){
		        .verb = DISK_CALL, .call = run_check, .on_done = on_checked};
		disk_submit(control->opener, control->loop, &control->check_operation);
	}
	look_at_settings(control);
	loop_timer_start(control->loop, timer, clock_ms() + LOOK_AFTER_MS);
}

/* ---- domains of a file ---- */

static void on_file_changes(
        struct link_sink *sink, const struct model_change *changes, size_t count, uint64_t revision)
{
	struct control *control = container_of(sink, struct control, feed_sink);
	control_domains_begin(control->plane.domains);
	control_domains_take(control->plane.domains, changes, count, revision);
	control_domains_end(control->plane.domains);
}

/* The edge, which has the same file, tells the operator. */
static void on_file_event(struct link_sink *sink, enum link_event event, const char *text)
{
	(void)sink;
	(void)event;
	log_debug("%s", text);
}

static void open_file(struct control *control)
{
	const struct link_file_options options = {
	        .path = control->options.domains, .rules = control->options.rules};
	struct model_problems problems = {0};
	control->feed = link_file_open(control->loop, &options, &control->feed_sink, &problems);
	if (control->feed == NULL)
		loop_timer_start(control->loop, &control->file_again, clock_ms() + FILE_AGAIN_MS);
	model_problems_done(&problems);
}

static void on_file_again(struct timer *timer)
{
	open_file(container_of(timer, struct control, file_again));
}

/* ---- the process ---- */

static char *copy(const char *text)
{
	return text == NULL ? NULL : mem_copy(text, strlen(text));
}

static void open_plane(struct control *control)
{
	struct control_plane *plane = &control->plane;
	control_plane_init(plane, &control->domains_sink);
	control->certificates_sink.on_list = on_list;
	control_certificates_listen(plane->certificates, &control->certificates_sink);
	plane->rules = control->options.rules;
	plane->file = control->options.domains;
	control_plane_set_trouble(plane, STR("it is being opened"));
	control->health_sink = (struct control_health_sink){.on_wanted = on_health_wanted,
	        .on_change = on_health_change,
	        .on_told = on_health_told};
	control_health_begin(plane->health, control->loop, &control->health_sink);
}

struct control *control_new(const struct control_options *options)
{
	struct loop *loop = loop_new();
	if (loop == NULL) {
		log_error("no descriptors for the control plane: %m");
		if (options->link >= 0)
			close(options->link);
		return NULL;
	}
	struct control *control = mem_new(struct control);
	control->options = *options;
	control->options.store_path = copy(options->store_path);
	control->options.key_path = copy(options->key_path);
	control->options.reset_path = copy(options->reset_path);
	control->options.console = NULL; /* it is asked for once */
	control->options.domains = copy(options->domains);
	control->options.link_identity = copy(options->link_identity);
	control->loop = loop;
	control->domains_sink.on_changes = on_changes;
	control->hub_sink = (struct link_hub_sink){.on_edge = on_edge,
	        .on_gone = on_gone,
	        .on_purged = on_purged,
	        .on_report = on_report,
	        .on_stranger = on_stranger,
	        .on_trouble = on_trouble,
	        .on_answer = on_answer};
	control->feed_sink =
	        (struct link_sink){.on_changes = on_file_changes, .on_event = on_file_event};
	control->fleet_sink.on_edge = on_connected;
	control->stats_sink.on_missed = on_missed;
	control->hour.on_expire = on_hour;
	control->look_after.on_expire = on_look_after;
	control->open_again.on_expire = on_open_again;
	control->file_again.on_expire = on_file_again;
	open_plane(control);
	control->opener = disk_new(1);
	control->plane.purges = control_purges_new(loop, control->opener);
	control->forgetting =
	        control_forgetting_new(loop, control->opener, control->plane.settings);
	control->plane.asks = control_asks_new(loop);
	control->plane.console = control_console_new(loop, options->console);
	control->plane.stats = control_stats_new(loop, &control->stats_sink);
	const struct control_exchanges_options exchanges = {
	        .loop = loop,
	        .plane = &control->plane,
	        .listeners = options->listeners,
	        .listener_count = options->listener_count,
	        .trusted = options->trusted,
	        .trusted_count = options->trusted_count,
	};
	control->exchanges = control_exchanges_new(&exchanges);
	control->tail_sink.on_wanted = on_tail_wanted;
	if (control->exchanges != NULL) {
		control_tail_ask(control_exchanges_tail(control->exchanges), &control->tail_sink);
		return control;
	}
	log_error("the machine refuses to watch the sockets of the API: %m");
	control_free(control);
	return NULL;
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	loop_timer_cancel(control->loop, &control->open_again);
	loop_timer_cancel(control->loop, &control->file_again);
	loop_timer_cancel(control->loop, &control->look);
	loop_timer_cancel(control->loop, &control->hour);
	loop_timer_cancel(control->loop, &control->look_after);
	/* Edges may still say something while the threads end. */
	control_purges_end(control->plane.purges);
	control_forgetting_end(control->forgetting);
	control_asks_end(control->plane.asks);
	disk_free(control->opener);
	control_exchanges_free(control->exchanges);
	control->exchanges = NULL;
	control_console_free(control->plane.console);
	control_health_end(control->plane.health);
	/* What the threads had to say. */
	loop_turn(control->loop, 0);
	if (control->feed != NULL)
		link_file_close(control->feed);
	link_hub_close(control->hub);
	control->hub = NULL;
	control_stats_free(control->plane.stats);
	control_purges_free(control->plane.purges);
	control_forgetting_free(control->forgetting);
	control_asks_free(control->plane.asks);
	if (control->options.link >= 0)
		close(control->options.link);
	store_close(atomic_load(&control->plane.store));
	control_plane_done(&control->plane);
	text_done(&control->complaint);
	loop_free(control->loop);
	mem_free((void *)(uintptr_t)control->options.store_path);
	mem_free((void *)(uintptr_t)control->options.key_path);
	mem_free((void *)(uintptr_t)control->options.reset_path);
	mem_free((void *)(uintptr_t)control->options.domains);
	mem_free((void *)(uintptr_t)control->options.link_identity);
	mem_free(control);
}

struct loop *control_loop(struct control *control)
{
	return control->loop;
}

int control_run(struct control *control)
{
	open_store(control);
	loop_timer_start(control->loop, &control->hour, clock_ms() + HOUR_MS);
	loop_timer_start(control->loop, &control->look_after, clock_ms() + LOOK_AFTER_MS);
	if (control->options.domains != NULL)
		open_file(control);
	loop_run(control->loop);
	return EXIT_SUCCESS;
}

static void on_look(struct timer *timer)
{
	struct control *control = container_of(timer, struct control, look);
	bool is_over = clock_ms() >= control->drain_deadline_ms;
	bool is_busy = control->is_opening || control->is_checking ||
	               control_purges_is_busy(control->plane.purges) ||
	               control_forgetting_is_busy(control->forgetting) ||
	               control_stats_is_busy(control->plane.stats);
	if (!is_busy && (is_over || control_exchanges_is_idle(control->exchanges)))
		loop_stop(control->loop);
	else
		loop_timer_start(control->loop, timer, clock_ms() + LOOK_MS);
}

void control_drain(struct control *control)
{
	uint64_t now_ms = clock_ms();
	control->drain_deadline_ms =
	        control->is_draining ? now_ms : now_ms + control->options.drain_timeout_ms;
	control->is_draining = true;
	control->look.on_expire = on_look;
	loop_timer_cancel(control->loop, &control->open_again);
	control_exchanges_drain(control->exchanges);
	control_stats_end(control->plane.stats);
	control_forgetting_end(control->forgetting);
	loop_timer_start(control->loop, &control->look, now_ms);
}
