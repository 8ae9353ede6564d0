/*
 * The table of the settings that are changed at run time (setting.def), and what is set of them:
 * read from JSON, printed, compared. Pure.
 */
#pragma once

#include "model/node.h"

enum control_setting {
#define SETTING(id, name, type, allowed, standard, words) CONTROL_SETTING_##id,
#include "control/setting.def"
#undef SETTING
	CONTROL_SETTINGS
};

enum control_setting_type { CONTROL_CHOICE, CONTROL_INTEGER };

struct control_setting_row {
	struct str name;
	enum control_setting_type type;
	const char *allowed;  /* "classic|extended", or "1-366" */
	const char *standard; /* as in documents */
	const char *words;
};

/* What is set, and to what; a choice is its place among the choices. */
struct control_setting_set {
	bool is_set[CONTROL_SETTINGS];
	uint64_t values[CONTROL_SETTINGS];
};

const struct control_setting_row *control_setting_at(enum control_setting setting);

/* CONTROL_SETTINGS: there is none of this name. */
enum control_setting control_setting_find(struct str name);

/* The default of the table. */
uint64_t control_setting_default(enum control_setting setting);

/* The value that is set, or the default of the table. */
uint64_t control_setting_get(const struct control_setting_set *set, enum control_setting setting);

/* The end of what is too old at `now_ms` where the setting is a number of days: 0 is nothing, as
 * where the number is 0. */
uint64_t control_setting_until_ms(
        const struct control_setting_set *set, enum control_setting setting, uint64_t now_ms);

/* What is allowed of an INTEGER. */
void control_setting_range(enum control_setting setting, uint64_t *ret_min, uint64_t *ret_max);

/* Reads a scalar of JSON; false with why not. */
MUST_CHECK bool control_setting_read(enum control_setting setting, const struct model_node *node,
        uint64_t *ret_value, struct model_why *ret_why);

/* Adds a value as JSON. */
void control_setting_print(enum control_setting setting, uint64_t value, struct text *to);

/* Changes a set by a merge patch (RFC 7396): a value sets, null takes away. False when problems has
 * an entry more; the set is not to be used then. */
MUST_CHECK bool control_setting_patch(struct control_setting_set *set,
        const struct model_node *patch, struct model_problems *problems);

/* Reads an object in JSON of what was set once, by whatever version: what is not known here, or not
 * allowed any more, is left out. Nothing is set by a text that is none. */
void control_setting_read_set(struct str json, struct control_setting_set *ret_set);

/* Whether it is set to the same in both, or in neither; and so of all settings. */
bool control_setting_is_same(const struct control_setting_set *a,
        const struct control_setting_set *b, enum control_setting setting);
bool control_setting_is_equal(
        const struct control_setting_set *a, const struct control_setting_set *b);

/* Adds what differs as a list in JSON of lines: ["stats_days: default -> 60"]. */
void control_setting_print_diff(const struct control_setting_set *before,
        const struct control_setting_set *after, struct text *to);
