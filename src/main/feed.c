/*
 * To a control plane an edge is a cache, which has a name: the processes that follow each other
 * here, and share it, are one.
 */
#include "main/feed.h"

#include "base/mem.h"
#include "link/file.h"
#include "link/fixed.h"
#include "link/remote.h"
#include "main/domains.h"

#include <unistd.h>

enum {
	PING_MS = 3000,
	RETRY_MS = 200,
};

struct feed {
	struct link_sink *sink;
	struct link_file *file; /* one of these, or none for flags, which never change */
	/* Beside a file, it hears of purges alone. */
	struct link_remote *remote;
	struct link_sink deaf; /* has its events then */
	bool is_leaving;
};

static bool open_flags(const struct feed_options *options, struct model_problems *problems)
{
	struct model_domain *domain;
	if (!domains_read_flags(options->invocation, &domain, problems))
		return false;
	link_fixed_feed(domain, options->sink);
	model_domain_unref(domain);
	return true;
}

/* Whether there is a place to keep the last good domains; `path` is of the folder of state. */
static bool has_place(
        const struct feed_options *options, struct text *path, struct link_journal *ret_place)
{
	*ret_place = (struct link_journal){
	        .path = path->len != 0 ? text_c(path) : NULL,
	        .fd = options->journal,
	};
	return ret_place->path != NULL || ret_place->fd >= 0;
}

static bool open_file(
        struct feed *feed, const struct feed_options *options, struct model_problems *problems)
{
	const struct settings *settings = &options->invocation->settings;
	struct text path = {0};
	struct link_journal journal;
	domains_add_journal_path(settings, &path);
	bool is_kept = has_place(options, &path, &journal);
	const struct link_file_options file = {
	        .path = settings->domains,
	        .journal = is_kept ? &journal : NULL,
	        .rules = (enum model_rules)settings->origin_rules,
	        .force = options->invocation->force,
	};
	feed->file = link_file_open(options->loop, &file, options->sink, problems);
	text_done(&path);
	return feed->file != NULL;
}

/* Visible characters alone. */
static void add_name(const struct settings *settings, struct text *to)
{
	char host[65] = ""; /* HOST_NAME_MAX, and its NUL */
	const char *name = settings->edge_name;
	if (name[0] == '\0') {
		if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
			text_add(to, STR("edge"));
		name = host;
	}
	for (const char *at = name; *at != '\0'; at++)
		text_add_char(to, *at > ' ' && *at <= '~' ? *at : '-');
}

/* A deaf control plane tells of no domains. */
static void on_deaf_changes(
        struct link_sink *sink, const struct model_change *changes, size_t count, uint64_t revision)
{
	(void)sink;
	(void)changes;
	(void)count;
	(void)revision;
	CHECK(false);
}

static void on_deaf_event(struct link_sink *sink, enum link_event event, const char *text)
{
	struct feed *feed = container_of(sink, struct feed, deaf);
	feed->sink->on_event(feed->sink, event, text);
}

static void open_remote(struct feed *feed, const struct feed_options *options, bool is_deaf)
{
	const struct settings *settings = &options->invocation->settings;
	struct text ledger_path = {0}, link_path = {0}, id = {0}, servers = {0};
	struct link_journal ledger;
	struct model_host host;
	uint16_t port = 0;
	if (is_deaf)
		domains_add_purges_path(settings, &ledger_path);
	else
		domains_add_ledger_path(settings, &ledger_path);
	bool is_kept = has_place(options, &ledger_path, &ledger);
	ledger.is_leaving = &feed->is_leaving;
	invocation_add_link_path(options->invocation, &link_path);
	add_name(settings, &id);
	bool is_remote = settings_has_remote_control(settings, &host, &port);
	for (unsigned i = 0; i < settings->dns_servers.count; i++)
		text_addf(&servers, "%s%s", i == 0 ? "" : ",", settings->dns_servers.list[i]);
	const struct link_remote_options remote = {
	        .path = is_remote ? NULL : text_c(&link_path),
	        .host = host.name,
	        .port = port,
	        .identity = settings->link_identity,
	        .servers = servers.len != 0 ? text_c(&servers) : NULL,
	        .id = text_c(&id),
	        .times = {.ping_ms = PING_MS, .lease_ms = LIMIT_LINK_LEASE_MS},
	        .retry_ms = RETRY_MS,
	        .ledger = is_kept ? &ledger : NULL,
	        .is_deaf = is_deaf,
	        .purges = options->purges,
	        .reports = options->reports,
	        .certificates = options->certificates,
	        .asks = options->asks,
	};
	feed->remote =
	        link_remote_open(options->loop, &remote, is_deaf ? &feed->deaf : options->sink);
	text_done(&ledger_path);
	text_done(&link_path);
	text_done(&id);
	text_done(&servers);
}

struct feed *feed_open(const struct feed_options *options, struct model_problems *problems)
{
	struct feed *feed = mem_new(struct feed);
	bool is_open = true;
	feed->sink = options->sink;
	feed->deaf = (struct link_sink){.on_changes = on_deaf_changes, .on_event = on_deaf_event};
	switch (invocation_source(options->invocation)) {
	case INVOCATION_FLAGS:
		is_open = open_flags(options, problems);
		break;
	case INVOCATION_FILE:
		is_open = open_file(feed, options, problems);
		if (is_open && invocation_has_control(options->invocation))
			open_remote(feed, options, true);
		break;
	case INVOCATION_CONTROL:
	case INVOCATION_STORE:
		open_remote(feed, options, false);
		break;
	}
	if (is_open)
		return feed;
	feed_close(feed);
	return NULL;
}

void feed_close(struct feed *feed)
{
	if (feed == NULL)
		return;
	link_file_close(feed->file);
	link_remote_close(feed->remote);
	mem_free(feed);
}

void feed_leave(struct feed *feed)
{
	feed->is_leaving = true;
}

void feed_reload(struct feed *feed)
{
	if (feed->file != NULL)
		link_file_reload(feed->file);
}
