/*
 * One lock, held for no longer than a copy takes.
 */
#include "control/settings.h"

#include "base/mem.h"
#include "model/json.h"

#include <pthread.h>

struct control_settings {
	pthread_mutex_t lock;
	struct control_setting_set set;
	uint64_t revision;
};

struct control_settings *control_settings_new(void)
{
	struct control_settings *settings = mem_new(struct control_settings);
	CHECK(pthread_mutex_init(&settings->lock, NULL) == 0);
	return settings;
}

void control_settings_free(struct control_settings *settings)
{
	if (settings == NULL)
		return;
	pthread_mutex_destroy(&settings->lock);
	mem_free(settings);
}

uint64_t control_settings_now(
        struct control_settings *settings, struct control_setting_set *ret_set)
{
	CHECK(pthread_mutex_lock(&settings->lock) == 0);
	*ret_set = settings->set;
	uint64_t revision = settings->revision;
	pthread_mutex_unlock(&settings->lock);
	return revision;
}

uint64_t control_settings_get(struct control_settings *settings, enum control_setting setting)
{
	struct control_setting_set set;
	control_settings_now(settings, &set);
	return control_setting_get(&set, setting);
}

uint64_t control_settings_until_ms(
        struct control_settings *settings, enum control_setting setting, uint64_t now_ms)
{
	struct control_setting_set set;
	control_settings_now(settings, &set);
	return control_setting_until_ms(&set, setting, now_ms);
}

void control_settings_take(
        struct control_settings *settings, const struct control_setting_set *set, uint64_t revision)
{
	CHECK(pthread_mutex_lock(&settings->lock) == 0);
	settings->set = *set;
	settings->revision = revision;
	pthread_mutex_unlock(&settings->lock);
}

/* ---- the store ---- */

enum store_failure control_settings_commit(struct control_settings *settings, struct store *store,
        const struct control_setting_set *after, const struct store_note *note,
        uint64_t *ret_revision)
{
	struct control_setting_set before;
	struct text values[CONTROL_SETTINGS] = {0};
	struct store_setting changes[CONTROL_SETTINGS];
	const uint64_t expected = control_settings_now(settings, &before);
	/* All of them: what is the same does no harm. */
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++) {
		enum control_setting setting = (enum control_setting)i;
		if (after->is_set[i])
			control_setting_print(setting, after->values[i], &values[i]);
		changes[i] = (struct store_setting){.name = control_setting_at(setting)->name.at,
		        .value = after->is_set[i] ? text_str(&values[i]) : STR_EMPTY};
	}
	enum store_failure failure = store_settings_commit(
	        store, changes, CONTROL_SETTINGS, expected, note, ret_revision);
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++)
		text_done(&values[i]);
	if (failure == STORE_DONE)
		control_settings_take(settings, after, *ret_revision);
	return failure;
}

struct reading {
	struct store_setting_sink sink;
	struct control_setting_set *set;
	struct text *unusable;
};

static void on_setting(struct store_setting_sink *sink, struct str name, struct str value)
{
	struct reading *reading = container_of(sink, struct reading, sink);
	enum control_setting setting = control_setting_find(name);
	struct model_problems problems = {0};
	struct model_node *node;
	struct model_why why;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	bool is_good = setting != CONTROL_SETTINGS &&
	               model_json_read(&arena, value, &problems, &node) &&
	               control_setting_read(setting, node, &reading->set->values[setting], &why);
	if (is_good)
		reading->set->is_set[setting] = true;
	else
		text_addf(reading->unusable, "%.*s ", STR_ARG(name));
	model_problems_done(&problems);
	arena_reset(&arena);
}

enum store_failure control_settings_read(struct store *store, struct control_setting_set *ret_set,
        uint64_t *ret_revision, struct text *ret_unusable)
{
	*ret_set = (struct control_setting_set){0};
	struct reading reading = {
	        .sink = {.on_setting = on_setting}, .set = ret_set, .unusable = ret_unusable};
	return store_settings_read(store, &reading.sink, ret_revision);
}
