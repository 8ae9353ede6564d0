/* fuzz: control - a form that is read has what it must, in texts without NULs; one that is not is
 * refused in JSON, with a problem that names its status */
#include "control/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(struct control_call *call)
{
	struct model_problems problems = {0};
	struct model_node *root;
	const struct control_answer *answer = &call->answer;
	CHECK(answer->status == 400 || answer->status == 422);
	CHECK(model_json_read(&call->arena, text_str(&answer->body), &problems, &root));
	const struct model_node *status = model_node_get(root, STR("status"));
	CHECK(status != NULL && status->is_plain);
	CHECK(answer->status == 400 || model_node_get(root, STR("errors"))->count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_form_field fields[] = {
	        {.name = "label", .is_required = true},
	        {.name = "role"},
	        {.name = "expires_ms", .type = CONTROL_FORM_NUMBER},
	};
	struct control_call call = {.now_ms = 1};
	arena_init(&call.arena, NULL, 0);
	text_add(&call.body, str_make((const char *)data, size));
	if (control_call_read_form(&call, fields, ARRAY_LENGTH(fields))) {
		CHECK(fields[0].is_there && call.answer.status == 0);
		for (unsigned i = 0; i < 2; i++)
			CHECK(!fields[i].is_there ||
			        strlen(fields[i].text.at) == fields[i].text.len);
	} else {
		check_answer(&call);
	}
	text_done(&call.body);
	text_done(&call.answer.body);
	text_done(&call.answer.fields);
	arena_reset(&call.arena);
	return 0;
}
