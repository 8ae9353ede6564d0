/*
 * Lists are tables; one thing is a line for each of its fields.
 */
#include "cli/show.h"

#include "base/clock.h"
#include "cli/escape.h"
#include "cli/table.h"
#include "cli/tree.h"
#include "model/field.h"
#include "model/value.h"

/* ---- small things ---- */

static void add_line(struct text *to, const char *title, struct str value)
{
	text_addf(to, "%s: ", title);
	cli_escape_add(to, value);
	text_add_char(to, '\n');
}

/* A moment in milliseconds; `none` where there is none. */
static void add_moment(struct text *to, uint64_t ms, const char *none)
{
	char moment[CLOCK_ISO_BYTES];
	if (ms == 0) {
		text_add(to, str_of(none));
		return;
	}
	clock_format_iso(ms, moment);
	/* Whole seconds are enough for people. */
	text_addf(to, "%.19sZ", moment);
}

static void add_moment_cell(struct cli_table *table, uint64_t ms, const char *none)
{
	struct text moment = {0};
	add_moment(&moment, ms, none);
	cli_table_add(table, text_str(&moment));
	text_done(&moment);
}

static void add_cell(struct cli_table *table, const struct model_node *item, const char *path)
{
	struct text value = {0};
	cli_tree_add_value(cli_tree_find(item, str_of(path)), &value);
	cli_table_add(table, text_str(&value));
	text_done(&value);
}

static void add_fields(const struct model_node *answer, const char *const *fields, struct text *to)
{
	for (; *fields != NULL; fields++) {
		struct text value = {0};
		cli_tree_add_value(cli_tree_find(answer, str_of(*fields)), &value);
		if (value.len != 0)
			add_line(to, *fields, text_str(&value));
		text_done(&value);
	}
}

/* ---- domains ---- */

static void add_origin_cell(
        struct cli_table *table, const struct model_node *domain, const char *role)
{
	struct text cell = {0};
	const struct model_node *origin = model_node_get(domain, str_of(role));
	struct str type = cli_tree_text(origin, "type");
	cli_tree_add_value(cli_tree_find(origin, STR("addresses")), &cell);
	if (cell.len == 0 && type.len != 0 && !str_is_equal(type, STR("self")))
		text_addf(&cell, "%.*s %.*s%.*s", STR_ARG(type),
		        STR_ARG(cli_tree_text(origin, "bucket.bucket")),
		        STR_ARG(cli_tree_text(origin, "bucket.endpoint")));
	cli_table_add(table, text_str(&cell));
	text_done(&cell);
}

void cli_show_domains(const struct model_node *const *answers, size_t count, struct text *to)
{
	static const char *const TITLES[] = {
	        "NAME", "STATUS", "REVISION", "ORIGIN", "BACKUP", NULL};
	struct cli_table table;
	cli_table_begin(&table, TITLES);
	for (size_t i = 0; i < count; i++) {
		const struct model_node *item = cli_tree_first(answers[i], "items");
		for (; item != NULL; item = item->next) {
			add_cell(&table, item, "name");
			add_cell(&table, item, "status");
			add_cell(&table, item, "revision");
			add_origin_cell(&table, item, "origin");
			add_origin_cell(&table, item, "backup");
		}
	}
	cli_table_end(&table, to);
}

/* The default as answers have it; of the backup's fields it is that of the origin's. */
static void add_default(const struct model_field *field, struct text *to)
{
	struct text path = {0};
	if (field->owner == MODEL_FIELD_OF_BACKUP) {
		text_addf(&path, "origin%s", field->path.at + strlen("backup"));
		field = model_field_find(text_str(&path));
		CHECK(field != NULL);
	}
	model_value_print(field, model_field_defaults(), to);
	text_done(&path);
}

static bool is_told(const struct cli_show *show, const struct model_field *field, struct str value)
{
	static const char *const ALWAYS[] = {"name", "status", "revision", "origin.type"};
	struct text standard = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(ALWAYS); i++) {
		if (str_is_equal(field->path, str_of(ALWAYS[i])))
			return true;
	}
	add_default(field, &standard);
	bool is_default = value.len == 0 || str_is_equal(value, text_str(&standard));
	text_done(&standard);
	return show->has_all || !is_default;
}

void cli_show_domain(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	const struct model_field *field;
	bool has_backup = cli_tree_find(answer, STR("backup.type")) != NULL;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		struct text value = {0};
		cli_tree_add_value(cli_tree_find(answer, field->path), &value);
		bool is_of_backup = str_has_prefix(field->path, STR("backup."));
		if (is_told(show, field, text_str(&value)) && (has_backup || !is_of_backup))
			add_line(to, field->path.at, text_str(&value));
		text_done(&value);
	}
}

/* ---- what changed ---- */

#define RED    "\x1b[31m"
#define GREEN  "\x1b[32m"
#define YELLOW "\x1b[33m"
#define NORMAL "\x1b[0m"

static void add_coloured(
        const struct cli_show *show, const char *colour, struct str words, struct text *to)
{
	text_add(to, str_of(show->is_coloured ? colour : ""));
	cli_escape_add(to, words);
	text_add(to, str_of(show->is_coloured ? NORMAL : ""));
}

/* "origin.host: a -> b": what it was in red, what it is in green. */
static void add_diff_line(const struct cli_show *show, struct str line, struct text *to)
{
	static const char ARROW[] = " -> ";
	struct str rest = line;
	struct str field = str_cut(&rest, ':');
	const char *arrow =
	        rest.at == NULL ? NULL : memmem(rest.at, rest.len, ARROW, strlen(ARROW));
	text_add(to, STR("    "));
	if (arrow == NULL) {
		cli_escape_add(to, line);
	} else {
		const char *after = arrow + strlen(ARROW);
		cli_escape_add(to, field);
		text_add(to, STR(": "));
		add_coloured(show, RED, str_trim(str_make(rest.at, (size_t)(arrow - rest.at))), to);
		text_add(to, STR(" -> "));
		add_coloured(
		        show, GREEN, str_make(after, (size_t)(rest.at + rest.len - after)), to);
	}
	text_add_char(to, '\n');
}

static void add_diff(const struct cli_show *show, const struct model_node *item, struct text *to)
{
	const struct model_node *line = cli_tree_first(item, "diff");
	for (; line != NULL; line = line->next) {
		if (line->kind == MODEL_NODE_SCALAR)
			add_diff_line(show, line->text, to);
	}
}

static void add_change(
        const struct cli_show *show, const struct model_node *change, struct text *to)
{
	struct str what = cli_tree_text(change, "what");
	bool is_created = str_is_equal(what, STR("created"));
	bool is_removed = str_is_equal(what, STR("removed"));
	const char *colour = is_created ? GREEN : is_removed ? RED : YELLOW;
	struct text head = {0};
	text_addf(&head, "%c %.*s",
	        is_created   ? '+'
	        : is_removed ? '-'
	                     : '~',
	        STR_ARG(cli_tree_text(change, "name")));
	if (what.len != 0)
		text_addf(&head, " %.*s", STR_ARG(what));
	add_coloured(show, colour, text_str(&head), to);
	text_add_char(to, '\n');
	text_done(&head);
	add_diff(show, change, to);
}

bool cli_show_changes(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	const struct model_node *change = cli_tree_first(answer, "changes");
	if (change == NULL)
		return false;
	for (; change != NULL; change = change->next)
		add_change(show, change, to);
	return true;
}

void cli_show_change(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	uint64_t own = cli_tree_number(answer, "revision");
	uint64_t revision = own != 0 ? own : show->revision;
	if (cli_tree_find(answer, STR("changes")) != NULL) {
		if (!cli_show_changes(show, answer, to))
			text_add(to, STR("nothing would change\n"));
		return;
	}
	text_add(to, str_of(show->name));
	if (revision != 0)
		text_addf(to, " is at revision %llu\n", (unsigned long long)revision);
	else
		text_add(to, STR(": done\n"));
}

/* How a version of the history differs in what it is, ", created" or ", removed". */
static const char *end_of(const struct model_node *item)
{
	struct str what = cli_tree_text(item, "what");
	if (cli_tree_is_true(item, "is_created") || str_is_equal(what, STR("created")))
		return ", created";
	if (cli_tree_is_true(item, "is_removed") || str_is_equal(what, STR("removed")))
		return ", removed";
	return "";
}

void cli_show_history(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	const struct model_node *item = cli_tree_first(answer, "items");
	for (; item != NULL; item = item->next) {
		struct text head = {0}, moment = {0};
		add_moment(&moment, cli_tree_number(item, "at_ms"), "-");
		text_addf(&head, "%.*s  %s  %.*s  %.*s: %.*s%s",
		        STR_ARG(cli_tree_text(item, "revision")), text_c(&moment),
		        STR_ARG(cli_tree_text(item, "name")), STR_ARG(cli_tree_text(item, "who")),
		        STR_ARG(cli_tree_text(item, "action")), end_of(item));
		add_coloured(show, YELLOW, text_str(&head), to);
		text_add_char(to, '\n');
		text_done(&head);
		text_done(&moment);
		add_diff(show, item, to);
	}
	if (cli_tree_text(answer, "next").len != 0) {
		text_add(to, STR("and more: --before "));
		cli_escape_add(to, cli_tree_text(answer, "next"));
		text_add_char(to, '\n');
	}
}

/* ---- accounts ---- */

void cli_show_whoami(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const FIELDS[] = {"account", "role", "must_change", NULL};
	uint64_t expires_ms = cli_tree_number(answer, "expires_ms");
	add_fields(answer, FIELDS, to);
	text_add(to, STR("expires: "));
	add_moment(to, expires_ms, "never");
	text_add_char(to, '\n');
	if (show->name != NULL)
		add_line(to, "control plane", str_of(show->name));
}

/* A table with a row for each item of a list. */
static void add_table(const struct model_node *answer, const char *const *titles,
        void (*add_row)(struct cli_table *table, const struct model_node *item), struct text *to)
{
	const struct model_node *item = cli_tree_first(answer, "items");
	struct cli_table table;
	cli_table_begin(&table, titles);
	for (; item != NULL; item = item->next)
		add_row(&table, item);
	cli_table_end(&table, to);
}

static void add_user(struct cli_table *table, const struct model_node *item)
{
	add_cell(table, item, "name");
	add_cell(table, item, "role");
	add_moment_cell(table, cli_tree_number(item, "created_ms"), "-");
	cli_table_add(table,
	        cli_tree_is_true(item, "must_change") ? STR("must be changed") : STR("chosen"));
}

void cli_show_users(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const TITLES[] = {"ACCOUNT", "ROLE", "CREATED", "PASSWORD", NULL};
	(void)show;
	add_table(answer, TITLES, add_user, to);
}

static void add_token(struct cli_table *table, const struct model_node *item)
{
	add_cell(table, item, "id");
	add_cell(table, item, "account");
	add_cell(table, item, "role");
	add_moment_cell(table, cli_tree_number(item, "created_ms"), "-");
	add_moment_cell(table, cli_tree_number(item, "expires_ms"), "never");
	add_cell(table, item, "label");
}

void cli_show_tokens(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const TITLES[] = {
	        "ID", "ACCOUNT", "ROLE", "CREATED", "EXPIRES", "LABEL", NULL};
	(void)show;
	add_table(answer, TITLES, add_token, to);
}

/* ---- the control plane and its edges ---- */

void cli_show_status(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const FIELDS[] = {
	        "version", "managed_by", "rules", "revision", "edges", NULL};
	struct str error = cli_tree_text(answer, "store.error");
	(void)show;
	add_fields(answer, FIELDS, to);
	bool is_shut = str_is_equal(cli_tree_text(answer, "store.works"), STR("false"));
	add_line(to, "store", error.len != 0 ? error : is_shut ? STR("not open") : STR("open"));
}

static void add_setting(struct cli_table *table, const struct model_node *item)
{
	add_cell(table, item, "name");
	add_cell(table, item, "value");
	add_cell(table, item, "default");
	add_cell(table, item, "from");
}

void cli_show_settings(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const TITLES[] = {"SETTING", "VALUE", "DEFAULT", "FROM", NULL};
	(void)show;
	add_table(answer, TITLES, add_setting, to);
	add_line(to, "revision", cli_tree_text(answer, "revision"));
}

static void add_certificate(struct cli_table *table, const struct model_node *item)
{
	add_cell(table, item, "name");
	add_cell(table, item, "kind");
	add_moment_cell(table, cli_tree_number(item, "not_after_ms"), "-");
	add_cell(table, item, "days_left");
	add_cell(table, item, "revision");
	add_cell(table, item, "names");
}

void cli_show_certificates(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const TITLES[] = {
	        "NAME", "KIND", "EXPIRES", "DAYS", "REVISION", "NAMES", NULL};
	(void)show;
	add_table(answer, TITLES, add_certificate, to);
}

void cli_show_certificate(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const FIELDS[] = {"name", "names", "kind", "issuer", NULL};
	static const char *const LATER[] = {"days_left", "fingerprint", "revision", NULL};
	struct text moment = {0};
	(void)show;
	add_fields(answer, FIELDS, to);
	add_moment(&moment, cli_tree_number(answer, "not_before_ms"), "-");
	add_line(to, "not_before", text_str(&moment));
	text_clear(&moment);
	add_moment(&moment, cli_tree_number(answer, "not_after_ms"), "-");
	add_line(to, "not_after", text_str(&moment));
	text_done(&moment);
	add_fields(answer, LATER, to);
	/* A line for each of its own. */
	struct str rest = cli_tree_text(answer, "certificate");
	while (rest.len > 0) {
		cli_escape_add(to, str_cut(&rest, '\n'));
		text_add_char(to, '\n');
	}
}

static void add_edge(struct cli_table *table, const struct model_node *item)
{
	add_cell(table, item, "id");
	cli_table_add(table, cli_tree_is_true(item, "is_connected") ? STR("yes") : STR("no"));
	add_cell(table, item, "from");
	add_cell(table, item, "applied");
	cli_table_add(table,
	        cli_tree_number(item, "refused") != 0 ? cli_tree_text(item, "refused") : STR_EMPTY);
	add_moment_cell(table, cli_tree_number(item, "since_ms"), "-");
	add_cell(table, item, "error");
}

void cli_show_edges(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const TITLES[] = {
	        "EDGE", "CONNECTED", "FROM", "APPLIED", "REFUSED", "SINCE", "ERROR", NULL};
	(void)show;
	add_table(answer, TITLES, add_edge, to);
	add_line(to, "revision", cli_tree_text(answer, "revision"));
}

/* ---- health ---- */

/* "usable", "blocked (host)" */
static void add_state_cell(struct cli_table *table, const struct model_node *item)
{
	struct text cell = {0};
	text_add(&cell, cli_tree_text(item, "state"));
	if (str_is_equal(cli_tree_text(item, "of"), STR("host")))
		text_add(&cell, STR(" (host)"));
	cli_table_add(table, text_str(&cell));
	text_done(&cell);
}

/* What is left of a block, in whole seconds. */
static void add_left_cell(struct cli_table *table, const struct model_node *item)
{
	struct text cell = {0};
	if (cli_tree_find(item, STR("left_ms")) != NULL)
		text_addf(&cell, "%llu s",
		        (unsigned long long)(cli_tree_number(item, "left_ms") / 1000));
	cli_table_add(table, text_str(&cell));
	text_done(&cell);
}

static void add_latency_cell(struct cli_table *table, const struct model_node *item)
{
	struct text cell = {0};
	uint64_t us = cli_tree_number(item, "latency_us");
	if (us != 0)
		text_addf(&cell, "%llu.%llu ms", (unsigned long long)(us / 1000),
		        (unsigned long long)(us / 100 % 10));
	cli_table_add(table, text_str(&cell));
	text_done(&cell);
}

/* Edges that have not told anything, and how many there are. */
static void add_edges(const struct model_node *answer, struct text *to)
{
	const struct model_node *edge = cli_tree_first(answer, "edges");
	unsigned count = 0;
	for (; edge != NULL; edge = edge->next) {
		count++;
		if (cli_tree_find(edge, STR("age_ms")) == NULL)
			add_line(to, "has not told yet", cli_tree_text(edge, "id"));
		if (cli_tree_number(edge, "dropped") != 0)
			add_line(to, "has told only a part", cli_tree_text(edge, "id"));
	}
	if (count == 0)
		text_add(to, STR("no edge is connected\n"));
}

void cli_show_health(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const TITLES[] = {
	        "DOMAIN", "ORIGIN", "ADDRESS", "STATE", "REASON", "LEFT", "EDGE", NULL};
	const struct model_node *item = cli_tree_first(answer, "items");
	struct str left_out = cli_tree_text(answer, "left_out");
	struct cli_table table;
	(void)show;
	if (item == NULL && cli_tree_first(answer, "edges") != NULL)
		text_add(to, STR("no address is exceptional\n"));
	cli_table_begin(&table, TITLES);
	for (; item != NULL; item = item->next) {
		add_cell(&table, item, "domain");
		add_cell(&table, item, "roles");
		add_cell(&table, item, "address");
		add_state_cell(&table, item);
		add_cell(&table, item, "reason");
		add_left_cell(&table, item);
		add_cell(&table, item, "edge");
	}
	if (table.count > table.columns)
		cli_table_end(&table, to);
	text_done(&table.cells);
	if (cli_tree_number(answer, "left_out") != 0)
		add_line(to, "and more", left_out);
	add_edges(answer, to);
}

/* What the edges say of one address; `as_written` is how the domain has it. */
static void add_told(struct cli_table *table, const char *role, struct str as_written,
        const struct model_node *told)
{
	for (; told != NULL; told = told->next) {
		struct text cell = {0};
		struct str address = cli_tree_text(told, "address");
		cli_table_add(table, str_of(role));
		text_add(&cell, as_written);
		/* Of a name, what it is where it was looked up. */
		if (address.len != 0 &&
		        (as_written.len == 0 || !str_has_prefix(address, as_written)))
			text_addf(&cell, "%s%.*s%s", cell.len == 0 ? "" : " (", STR_ARG(address),
			        cell.len == 0 ? "" : ")");
		cli_table_add(table, text_str(&cell));
		text_done(&cell);
		add_cell(table, told, "edge");
		add_state_cell(table, told);
		add_cell(table, told, "reason");
		add_left_cell(table, told);
		add_latency_cell(table, told);
		add_cell(table, told, "failures");
	}
}

void cli_show_domain_health(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	static const char *const TITLES[] = {"ORIGIN", "ADDRESS", "EDGE", "STATE", "REASON", "LEFT",
	        "LATENCY", "FAILURES", NULL};
	static const char *const ROLES[] = {"origin", "backup"};
	struct cli_table table;
	(void)show;
	cli_table_begin(&table, TITLES);
	for (size_t i = 0; i < ARRAY_LENGTH(ROLES); i++) {
		const struct model_node *address = cli_tree_first(answer, ROLES[i]);
		for (; address != NULL; address = address->next)
			add_told(&table, ROLES[i], cli_tree_text(address, "address"),
			        cli_tree_first(address, "edges"));
	}
	add_told(&table, "", STR_EMPTY, cli_tree_first(answer, "others"));
	cli_table_end(&table, to);
	add_edges(answer, to);
}

/* ---- what would become of a request ---- */

static void add_explained_origin(const struct model_node *origin, struct text *to)
{
	static const char *const TITLES[] = {
	        "ADDRESS", "NAME", "WEIGHT", "STATE", "REASON", "LEFT_MS", NULL};
	const struct model_node *item = cli_tree_first(origin, "addresses");
	struct cli_table table;
	text_add_char(to, '\n');
	cli_escape_add(to, cli_tree_text(origin, "role"));
	text_add(to, STR(", "));
	cli_escape_add(to, cli_tree_text(origin, "policy"));
	text_add(to, STR(", "));
	cli_escape_add(to, cli_tree_text(origin, "protocol"));
	text_addf(to, "; addresses: %llu, drained: %llu, names without an address: %llu\n",
	        (unsigned long long)cli_tree_number(origin, "total"),
	        (unsigned long long)cli_tree_number(origin, "drained"),
	        (unsigned long long)cli_tree_number(origin, "unresolved"));
	cli_table_begin(&table, TITLES);
	for (; item != NULL; item = item->next) {
		add_cell(&table, item, "address");
		add_cell(&table, item, "name");
		add_cell(&table, item, "weight");
		add_cell(&table, item, "state");
		add_cell(&table, item, "reason");
		add_cell(&table, item, "left_ms");
	}
	cli_table_end(&table, to);
}

void cli_show_explanation(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	const struct model_node *step = cli_tree_first(answer, "steps");
	const struct model_node *origin = cli_tree_first(answer, "origins");
	(void)show;
	for (unsigned i = 1; step != NULL; step = step->next, i++) {
		text_addf(to, "%u. ", i);
		if (step->kind == MODEL_NODE_SCALAR)
			cli_escape_add(to, step->text);
		text_add_char(to, '\n');
	}
	for (; origin != NULL; origin = origin->next)
		add_explained_origin(origin, to);
	text_add_char(to, '\n');
	add_line(to, "cache key", cli_tree_text(answer, "cache.key"));
	add_line(to, "edge", cli_tree_text(answer, "edge"));
	add_line(to, "revision", cli_tree_text(answer, "revision"));
}
