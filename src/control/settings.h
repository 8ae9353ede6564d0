/*
 * The settings that are changed at run time as they are: what is set in the store, and for the rest
 * the defaults of the table (setting.def). Any thread.
 */
#pragma once

#include "control/setting.h"
#include "store/settings.h"

struct control_settings;

/* Nothing is set, and never was: revision 0. */
struct control_settings *control_settings_new(void);

/* NULL is fine. */
void control_settings_free(struct control_settings *settings);

/* What is set, and the revision of the last change. */
uint64_t control_settings_now(
        struct control_settings *settings, struct control_setting_set *ret_set);

/* The value that is set, or the default of the table. */
uint64_t control_settings_get(struct control_settings *settings, enum control_setting setting);

/* Since when, up to `now_ms`, things are kept that are kept for a number of days
 * (control_setting_until_ms). */
uint64_t control_settings_until_ms(
        struct control_settings *settings, enum control_setting setting, uint64_t now_ms);

/* What is in the store becomes what is known here. */
void control_settings_take(struct control_settings *settings, const struct control_setting_set *set,
        uint64_t revision);

/* Makes what is set in the store and then here; by one thread at a time: between
 * control_domains_begin and _end, as domains are held against some of it. Failures are those of
 * store_settings_commit; nothing has happened then. */
MUST_CHECK enum store_failure control_settings_commit(struct control_settings *settings,
        struct store *store, const struct control_setting_set *after, const struct store_note *note,
        uint64_t *ret_revision);

/* ---- the store ---- */

/* Reads what is set. A value that this version does not allow is as if it were not set; its name is
 * added to ret_unusable, with a space behind it. */
MUST_CHECK enum store_failure control_settings_read(struct store *store,
        struct control_setting_set *ret_set, uint64_t *ret_revision, struct text *ret_unusable);
