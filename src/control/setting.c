/*
 * A type is a case in reading and one in printing. What was set is told from defaults in what
 * differs: those are of the process and the version, which may be others when the history is read.
 */
#include "control/setting.h"

#include "model/json.h"
#include "model/suggest.h"

enum { MS_A_DAY = 24 * 60 * 60 * 1000 };

static const struct control_setting_row ROWS[] = {
#define SETTING(id_, name_, type_, allowed_, standard_, words_)                                    \
	[CONTROL_SETTING_##id_] = {.name = {name_, sizeof(name_) - 1},                             \
	        .type = CONTROL_##type_,                                                           \
	        .allowed = (allowed_),                                                             \
	        .standard = (standard_),                                                           \
	        .words = (words_)},
#include "control/setting.def"
#undef SETTING
};

const struct control_setting_row *control_setting_at(enum control_setting setting)
{
	CHECK(setting < CONTROL_SETTINGS);
	return &ROWS[setting];
}

enum control_setting control_setting_find(struct str name)
{
	unsigned i = 0;
	while (i < CONTROL_SETTINGS && !str_is_equal(ROWS[i].name, name))
		i++;
	return (enum control_setting)i;
}

void control_setting_range(enum control_setting setting, uint64_t *ret_min, uint64_t *ret_max)
{
	struct str max = str_of(ROWS[setting].allowed), min = str_cut(&max, '-');
	CHECK(ROWS[setting].type == CONTROL_INTEGER);
	CHECK(str_to_u64(min, ret_min) && str_to_u64(max, ret_max));
}

/* ---- values ---- */

static bool read_choice(const struct control_setting_row *row, struct str text, uint64_t *ret_value)
{
	struct str rest = str_of(row->allowed);
	for (uint64_t i = 0; rest.at != NULL; i++) {
		if (!str_is_equal(str_cut(&rest, '|'), text))
			continue;
		*ret_value = i;
		return true;
	}
	return false;
}

static bool read_integer(enum control_setting setting, struct str text, uint64_t *ret_value)
{
	uint64_t value, min, max;
	control_setting_range(setting, &min, &max);
	if (!str_to_u64(text, &value) || value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

/* Whether it is written as a number: not what JSON has besides without quotes. */
static bool is_number(const struct model_node *node)
{
	char first = node->is_plain && node->text.len > 0 ? node->text.at[0] : '\0';
	return first == '-' || (first >= '0' && first <= '9');
}

bool control_setting_read(enum control_setting setting, const struct model_node *node,
        uint64_t *ret_value, struct model_why *ret_why)
{
	const struct control_setting_row *row = control_setting_at(setting);
	const bool is_scalar = node->kind == MODEL_NODE_SCALAR;
	switch (row->type) {
	case CONTROL_CHOICE:
		if (!is_scalar || node->is_plain)
			*ret_why = (struct model_why){.rule = "type", .words = "must be a text"};
		else if (read_choice(row, node->text, ret_value))
			return true;
		else
			*ret_why = (struct model_why){"value", "is not one of", row->allowed};
		break;
	case CONTROL_INTEGER:
		if (!is_scalar || !is_number(node))
			*ret_why = (struct model_why){.rule = "type", .words = "must be a number"};
		else if (read_integer(setting, node->text, ret_value))
			return true;
		else
			*ret_why = (struct model_why){
			        "range", "is not a whole number in", row->allowed};
		break;
	}
	return false;
}

uint64_t control_setting_default(enum control_setting setting)
{
	const struct control_setting_row *row = control_setting_at(setting);
	uint64_t value;
	CHECK(row->type == CONTROL_CHOICE ? read_choice(row, str_of(row->standard), &value)
	                                  : read_integer(setting, str_of(row->standard), &value));
	return value;
}

uint64_t control_setting_get(const struct control_setting_set *set, enum control_setting setting)
{
	return set->is_set[setting] ? set->values[setting] : control_setting_default(setting);
}

uint64_t control_setting_until_ms(
        const struct control_setting_set *set, enum control_setting setting, uint64_t now_ms)
{
	uint64_t kept_ms = control_setting_get(set, setting) * MS_A_DAY;
	/* A clock that was never set says 1970. */
	return kept_ms > 0 && now_ms > kept_ms ? now_ms - kept_ms : 0;
}

/* As people read it, without the quotes of JSON. */
static void add_words(enum control_setting setting, uint64_t value, struct text *to)
{
	struct str rest = str_of(ROWS[setting].allowed), choice = STR_EMPTY;
	if (ROWS[setting].type == CONTROL_INTEGER) {
		text_addf(to, "%llu", (unsigned long long)value);
		return;
	}
	for (uint64_t i = 0; i <= value; i++)
		choice = str_cut(&rest, '|');
	text_add(to, choice);
}

void control_setting_print(enum control_setting setting, uint64_t value, struct text *to)
{
	const bool is_text = control_setting_at(setting)->type == CONTROL_CHOICE;
	text_add(to, is_text ? STR("\"") : STR_EMPTY);
	add_words(setting, value, to);
	text_add(to, is_text ? STR("\"") : STR_EMPTY);
}

/* ---- sets ---- */

static void refuse_name(const struct model_node *node, struct model_problems *problems)
{
	struct str near = STR_EMPTY;
	unsigned best = model_suggest_limit(node->key);
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++) {
		unsigned distance = model_suggest_distance(node->key, ROWS[i].name);
		if (distance >= best)
			continue;
		best = distance;
		near = ROWS[i].name;
	}
	model_node_refuse(node, NULL, problems, "unknown-field", "is no setting%s%.*s%s",
	        near.len != 0 ? "; did you mean " : "", STR_ARG(near), near.len != 0 ? "?" : "");
}

static void take(struct control_setting_set *set, const struct model_node *node,
        struct model_problems *problems)
{
	enum control_setting setting = control_setting_find(node->key);
	struct model_why why;
	if (setting == CONTROL_SETTINGS) {
		refuse_name(node, problems);
		return;
	}
	set->is_set[setting] = !model_node_is_null(node);
	if (set->is_set[setting] &&
	        !control_setting_read(setting, node, &set->values[setting], &why))
		model_node_refuse(node, NULL, problems, why.rule, "%s%s%s", why.words,
		        why.allowed != NULL ? " " : "", why.allowed != NULL ? why.allowed : "");
}

bool control_setting_patch(struct control_setting_set *set, const struct model_node *patch,
        struct model_problems *problems)
{
	const unsigned before = problems->total;
	for (const struct model_node *node = patch->first; node != NULL; node = node->next)
		take(set, node, problems);
	return problems->total == before;
}

void control_setting_read_set(struct str json, struct control_setting_set *ret_set)
{
	struct control_setting_set set = {0};
	struct model_problems problems = {0};
	struct model_node *root;
	struct model_why why;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	if (model_json_read(&arena, json, &problems, &root) && root->kind == MODEL_NODE_MAPPING) {
		for (const struct model_node *node = root->first; node != NULL; node = node->next) {
			enum control_setting setting = control_setting_find(node->key);
			if (setting != CONTROL_SETTINGS)
				set.is_set[setting] = control_setting_read(
				        setting, node, &set.values[setting], &why);
		}
	}
	model_problems_done(&problems);
	arena_reset(&arena);
	*ret_set = set;
}

bool control_setting_is_same(const struct control_setting_set *a,
        const struct control_setting_set *b, enum control_setting setting)
{
	return a->is_set[setting] == b->is_set[setting] &&
	       (!a->is_set[setting] || a->values[setting] == b->values[setting]);
}

bool control_setting_is_equal(
        const struct control_setting_set *a, const struct control_setting_set *b)
{
	bool is_equal = true;
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++)
		is_equal &= control_setting_is_same(a, b, (enum control_setting)i);
	return is_equal;
}

static void add_side(
        const struct control_setting_set *set, enum control_setting setting, struct text *to)
{
	if (set->is_set[setting])
		add_words(setting, set->values[setting], to);
	else
		text_add(to, STR("default"));
}

void control_setting_print_diff(const struct control_setting_set *before,
        const struct control_setting_set *after, struct text *to)
{
	unsigned count = 0;
	text_add_char(to, '[');
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++) {
		enum control_setting setting = (enum control_setting)i;
		if (control_setting_is_same(before, after, setting))
			continue;
		text_addf(to, "%s\"%s: ", count++ > 0 ? "," : "", ROWS[i].name.at);
		add_side(before, setting, to);
		text_add(to, STR(" -> "));
		add_side(after, setting, to);
		text_add_char(to, '"');
	}
	text_add_char(to, ']');
}
