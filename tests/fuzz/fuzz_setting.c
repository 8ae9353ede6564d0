/* fuzz: control - a patch of settings sets what is allowed and no more, which is read back as it
 * was printed; one that is refused has a problem */
#include "control/setting.h"

#include "model/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_set(const struct control_setting_set *set)
{
	struct control_setting_set again;
	struct text text = {0};
	text_add_char(&text, '{');
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++) {
		enum control_setting setting = (enum control_setting)i;
		if (!set->is_set[i])
			continue;
		text_addf(&text, "%s\"%s\":", text.len > 1 ? "," : "",
		        control_setting_at(setting)->name.at);
		control_setting_print(setting, set->values[i], &text);
	}
	text_add_char(&text, '}');
	control_setting_read_set(text_str(&text), &again);
	CHECK(control_setting_is_equal(set, &again));
	text_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str text = str_make((const char *)data, size);
	struct control_setting_set set = {0};
	struct model_problems problems = {0};
	struct model_node *patch;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	if (model_json_read(&arena, text, &problems, &patch) && patch->kind == MODEL_NODE_MAPPING) {
		if (control_setting_patch(&set, patch, &problems))
			check_set(&set);
		else
			CHECK(problems.total > 0);
	}
	control_setting_read_set(text, &set);
	check_set(&set);
	model_problems_done(&problems);
	arena_reset(&arena);
	return 0;
}
