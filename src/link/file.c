/*
 * The feed remembers the version of the file that it saw last and what became of it: it is live, it
 * was refused, or it is held. A version that is seen again is no news, except that a held one which
 * was touched in between is meant.
 *
 * Versions are told apart by content. The watch calls once things are quiet, so that a file that is
 * being written in several steps is read once; if it is read while half of it is there after all,
 * it either does not parse, which is told once and mended by the next call, or it lacks domains,
 * which is what holding is for.
 *
 * At the start, the journal's list goes to the sink first, if there is one, and the file's follows
 * as what changed since. So a restart keeps to R3 and to what is held as if it had not happened.
 */
#include "link/file.h"

#include "base/mem.h"
#include "link/note.h"
#include "model/check.h"
#include "net/watch.h"

#include <errno.h>
#include <stdio.h>

enum { QUIET_MS = 100, TOLD_DOMAINS = 20 };

enum fate { FATE_NONE, FATE_LIVE, FATE_REFUSED, FATE_HELD };

struct link_file {
	struct watch *watch;
	struct link_sink *sink;
	char *path, *journal_path; /* the latter may be NULL */
	struct link_journal journal;
	bool has_journal;
	enum model_rules rules;
	bool force;
	bool has_list;    /* the sink was given one */
	bool is_starting; /* link_file_open has not returned yet */
	bool is_blind;    /* the file cannot be read, which was told */
	enum fate fate;   /* of the version that was seen last */
	struct link_source_stamp seen;
	struct link_source_stamp live;
	struct model_snapshot *now; /* what the sink has */
};

static void tell(struct link_file *feed, enum link_event event, const char *text)
{
	feed->sink->on_event(feed->sink, event, text);
}

/* Tells problems in the event's text, without the last line feed, and forgets them. */
static void tell_problems(
        struct link_file *feed, enum link_event event, struct model_problems *problems)
{
	struct text text = {0};
	model_problems_print(problems, &text);
	if (text.len != 0)
		text.at[text.len - 1] = '\0';
	tell(feed, event, text_c(&text));
	text_done(&text);
	model_problems_done(problems);
}

static void write_journal(struct link_file *feed)
{
	if (!feed->has_journal)
		return;
	struct link_note note = {.live = feed->live};
	if (feed->fate == FATE_HELD)
		note.held = feed->seen;
	if (link_note_write(&feed->journal, feed->path, &note, feed->now))
		return;
	const char *why = strerrordesc_np(errno);
	struct text text = {0};
	text_addf(&text,
	        "the journal%s%s could not be written (%s): a restart would not find the "
	        "domains that are live now",
	        feed->journal_path != NULL ? " " : "",
	        feed->journal_path != NULL ? feed->journal_path : "",
	        why == NULL ? "unknown error" : why);
	tell(feed, LINK_TROUBLE, text_c(&text));
	text_done(&text);
}

/* What a change is told with: a line of counts, and a line for each of the first domains. */
static void describe(const struct link_file *feed, const struct model_diff *diff,
        const struct model_snapshot *next, struct text *to)
{
	text_addf(to, "%s: revision %llu with %zu domain%s: %zu added, %zu changed, %zu removed",
	        feed->path, (unsigned long long)model_snapshot_revision(next),
	        model_snapshot_count(next), model_snapshot_count(next) == 1 ? "" : "s", diff->added,
	        diff->changed, diff->removed);
	/* At the start everything is new, which says nothing. */
	if (model_snapshot_count(feed->now) == 0)
		return;
	for (size_t i = 0; i < diff->count && i < TOLD_DOMAINS; i++) {
		const struct model_change *change = &diff->changes[i];
		const struct model_domain *before =
		        model_snapshot_get(feed->now, str_of(change->name));
		const char *word = before == NULL           ? "added"
		                   : change->domain == NULL ? "removed"
		                                            : "changed";
		text_addf(to, "\n%s %s", word, change->name);
		if (before == NULL || change->domain == NULL)
			continue;
		struct text fields = {0};
		model_diff_print(before, change->domain, &fields);
		struct str rest = text_str(&fields);
		for (const char *sign = ": "; rest.len != 0; sign = ", ") {
			struct str line = str_cut(&rest, '\n');
			text_addf(to, "%s%.*s", sign, STR_ARG(line));
		}
		text_done(&fields);
	}
	if (diff->count > TOLD_DOMAINS)
		text_addf(to, "\nand %zu more", diff->count - TOLD_DOMAINS);
}

/* Makes the changes live. */
static void apply(struct link_file *feed, const struct model_diff *diff, uint64_t revision)
{
	if (diff->count == 0)
		return;
	struct model_snapshot *next =
	        model_snapshot_with(feed->now, diff->changes, diff->count, revision);
	struct text text = {0};
	describe(feed, diff, next, &text);
	feed->sink->on_changes(feed->sink, diff->changes, diff->count, revision);
	model_snapshot_unref(feed->now);
	feed->now = next;
	tell(feed, LINK_APPLIED, text_c(&text));
	text_done(&text);
}

/* The index of a domain in a list that has it. */
static size_t index_of(const struct model_domains *domains, const struct model_domain *domain)
{
	size_t index = 0;
	while (domains->list[index] != domain)
		index++;
	return index;
}

/* Holds the changes against what may not change (R3). */
MUST_CHECK static bool check_changes(const struct link_file *feed,
        const struct model_domains *domains, const struct model_diff *diff,
        struct model_problems *problems)
{
	bool is_good = true;
	for (size_t i = 0; i < diff->count; i++) {
		const struct model_change *change = &diff->changes[i];
		const struct model_domain *before =
		        model_snapshot_get(feed->now, str_of(change->name));
		if (change->domain == NULL || before == NULL || before->kind == MODEL_NORMAL)
			continue;
		size_t index = index_of(domains, change->domain);
		char pointer[32];
		snprintf(pointer, sizeof(pointer), "/domains/%zu", index);
		const struct model_place place = {feed->path, domains->lines[index], pointer};
		if (!model_check_change(before, change->domain, &place, problems))
			is_good = false;
	}
	return is_good;
}

/* Whether a change removes so much, more than a fifth, that it is more likely a mistake. */
static bool removes_too_much(const struct link_file *feed, const struct model_diff *diff)
{
	return diff->removed * 5 > model_snapshot_count(feed->now);
}

static void hold(struct link_file *feed, const struct model_diff *diff)
{
	struct text text = {0};
	text_addf(&text,
	        "%s: %zu of %zu domains would be removed; touch the file again to mean it, or "
	        "start with --force",
	        feed->path, diff->removed, model_snapshot_count(feed->now));
	feed->fate = FATE_HELD;
	write_journal(feed);
	tell(feed, LINK_HELD, text_c(&text));
	text_done(&text);
}

/* After trouble, that there is none any more. */
static void tell_unchanged(struct link_file *feed)
{
	struct text text = {0};
	text_addf(&text, "%s: the same domains as are live", feed->path);
	tell(feed, LINK_APPLIED, text_c(&text));
	text_done(&text);
}

/* What becomes of a list that was read: live, refused, or held. */
static void judge(struct link_file *feed, const struct model_domains *domains, bool is_meant,
        struct model_problems *problems)
{
	struct model_diff diff;
	enum fate fate_before = feed->fate;
	model_diff_from(feed->now, domains->list, domains->count, &diff);
	if (!check_changes(feed, domains, &diff, problems)) {
		feed->fate = FATE_REFUSED;
	} else if (!is_meant && removes_too_much(feed, &diff)) {
		hold(feed, &diff);
	} else {
		feed->fate = FATE_LIVE;
		feed->live = feed->seen;
		apply(feed, &diff, model_snapshot_revision(feed->now) + 1);
		if (diff.count == 0 && fate_before != FATE_LIVE)
			tell_unchanged(feed);
		feed->has_list = true;
		write_journal(feed);
	}
	model_diff_done(&diff);
}

/* A file that cannot be read is told once; one that is being written will be looked at again. */
static void on_unreadable(
        struct link_file *feed, const char *why, bool again, struct model_problems *problems)
{
	bool is_news = feed->is_starting || again || (errno != EAGAIN && !feed->is_blind);
	if (!is_news)
		return;
	feed->is_blind = true;
	model_problems_add(problems, feed->path, 0, "", "file", "cannot be read: %s", why);
}

/* Reads the file and does what follows. With `again`, also when it did not change. What is wrong is
 * in problems then. */
static void load(struct link_file *feed, bool again, struct model_problems *problems)
{
	struct text text = {0};
	struct link_source_stamp stamp;
	const char *why;
	if (!link_source_read(feed->path, LIMIT_DOMAINS_FILE_BYTES, &text, &stamp, &why)) {
		on_unreadable(feed, why, again, problems);
		return;
	}
	feed->is_blind = false;
	bool is_held = feed->fate == FATE_HELD;
	bool is_seen = feed->fate != FATE_NONE && link_source_is_same(&feed->seen, &stamp);
	bool is_touched = is_held && link_source_is_touched(&feed->seen, &stamp);
	/* Whoever starts with a file means it, but for the version that was held before. */
	bool is_meant = feed->force || is_touched || (feed->is_starting && !(is_held && is_seen));
	feed->seen = stamp;
	struct model_domains domains;
	if (is_seen && !is_touched && !again) {
		text_done(&text);
		return;
	}
	if (model_read_domains(text_str(&text), feed->path, feed->rules, problems, &domains)) {
		judge(feed, &domains, is_meant, problems);
		model_domains_done(&domains);
	} else {
		feed->fate = FATE_REFUSED;
	}
	text_done(&text);
}

/* Reads the file and tells what is wrong. */
static void look(struct link_file *feed, bool again)
{
	struct model_problems problems = {0};
	load(feed, again, &problems);
	if (problems.total != 0)
		tell_problems(feed, feed->is_blind ? LINK_TROUBLE : LINK_REFUSED, &problems);
}

static void on_change(void *context)
{
	look(context, false);
}

/* Takes the journal's list, if there is one. */
static void start_from_journal(struct link_file *feed)
{
	struct link_note note;
	struct model_domains domains;
	uint64_t revision;
	if (!feed->has_journal || !link_note_read(&feed->journal, feed->path, feed->rules, &note,
	                                  &domains, &revision))
		return;
	struct model_diff diff;
	bool is_held = note.held.inode != 0;
	model_diff_from(feed->now, domains.list, domains.count, &diff);
	apply(feed, &diff, revision);
	feed->has_list = true;
	feed->live = note.live;
	feed->seen = is_held ? note.held : note.live;
	feed->fate = is_held ? FATE_HELD : FATE_LIVE;
	model_diff_done(&diff);
	model_domains_done(&domains);
}

/* Makes sure that changes will be seen; before the first reading, so that none is missed. */
MUST_CHECK static bool start_watching(
        struct link_file *feed, struct loop *loop, struct model_problems *problems)
{
	feed->watch = watch_new(loop, feed->path, QUIET_MS, on_change, feed);
	if (feed->watch != NULL)
		return true;
	const char *why = strerrordesc_np(errno);
	model_problems_add(problems, feed->path, 0, "", "file", "cannot be watched: %s",
	        why == NULL ? "unknown error" : why);
	return false;
}

static void move_problems(struct model_problems *from, struct model_problems *to)
{
	for (unsigned i = 0; i < from->count; i++) {
		const struct model_problem *problem = &from->list[i];
		model_problems_add(to, problem->file, problem->line, problem->field, problem->rule,
		        "%s", problem->message);
	}
	to->total += from->total - from->count;
	model_problems_done(from);
}

/* Reads the journal and the file; false when neither is good. */
MUST_CHECK static bool read_first(struct link_file *feed, struct model_problems *problems)
{
	struct model_problems found = {0};
	feed->is_starting = true;
	start_from_journal(feed);
	/* What is held is told again. */
	load(feed, feed->fate == FATE_HELD, &found);
	feed->is_starting = false;
	if (!feed->has_list)
		move_problems(&found, problems);
	else if (found.total != 0)
		tell_problems(feed, feed->is_blind ? LINK_TROUBLE : LINK_REFUSED, &found);
	return feed->has_list;
}

struct link_file *link_file_open(struct loop *loop, const struct link_file_options *options,
        struct link_sink *sink, struct model_problems *problems)
{
	struct link_file *feed = mem_new(struct link_file);
	feed->sink = sink;
	feed->path = mem_copy(options->path, strlen(options->path));
	if (options->journal != NULL) {
		feed->has_journal = true;
		feed->journal = *options->journal;
		if (feed->journal.path != NULL)
			feed->journal.path = feed->journal_path =
			        mem_copy(feed->journal.path, strlen(feed->journal.path));
	}
	feed->rules = options->rules;
	feed->force = options->force;
	feed->now = model_snapshot_new();
	if (start_watching(feed, loop, problems) && read_first(feed, problems))
		return feed;
	link_file_close(feed);
	return NULL;
}

void link_file_close(struct link_file *feed)
{
	if (feed == NULL)
		return;
	watch_free(feed->watch);
	model_snapshot_unref(feed->now);
	mem_free(feed->journal_path);
	mem_free(feed->path);
	mem_free(feed);
}

void link_file_reload(struct link_file *feed)
{
	look(feed, true);
}
