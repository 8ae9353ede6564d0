/*
 * How the control plane is, and what speaks of it.
 */
#include "control/api.h"
#include "control/openapi.h"

void control_api_status_read(struct control_call *call)
{
	struct control_plane *plane = call->plane;
	struct model_snapshot *now = control_domains_now(plane->domains);
	struct text trouble = {0}, *to = control_call_answer(call, 200);
	bool has_trouble = control_plane_has_trouble(plane, &trouble);
	text_addf(to,
	        "{\"version\":\"%s\",\"began_ms\":%llu,\"now_ms\":%llu,\"rules\":\"%s\","
	        "\"managed_by\":",
	        HEADWATER_VERSION, (unsigned long long)plane->metrics.began_ms,
	        (unsigned long long)call->now_ms,
	        control_plane_rules(plane) == MODEL_EXTENDED ? "extended" : "classic");
	text_add_json(to, plane->file != NULL ? str_of(plane->file) : STR("store"));
	text_addf(to, ",\"revision\":%llu,\"domains\":%zu,\"edges\":%zu,\"store\":{\"works\":%s",
	        (unsigned long long)model_snapshot_revision(now), model_snapshot_count(now),
	        control_fleet_count(plane->fleet), has_trouble ? "false" : "true");
	struct store *store = atomic_load(&plane->store);
	if (store != NULL)
		text_addf(to, ",\"bytes\":%llu", (unsigned long long)store_bytes(store));
	if (has_trouble) {
		text_add(to, STR(",\"error\":"));
		text_add_json(to, text_str(&trouble));
	}
	text_add(to, STR("}}"));
	text_done(&trouble);
	model_snapshot_unref(now);
}

void control_api_status_edges(struct control_call *call)
{
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	struct text *to = control_call_answer(call, 200);
	text_addf(to,
	        "{\"revision\":%llu,\"items\":", (unsigned long long)model_snapshot_revision(now));
	control_fleet_print(call->plane->fleet, to);
	text_add_char(to, '}');
	model_snapshot_unref(now);
}

void control_api_status_openapi(struct control_call *call)
{
	struct text *to = control_call_answer(call, 200);
	call->answer.media = "application/yaml";
	text_add(to, str_make(control_openapi, control_openapi_bytes));
}

void control_api_status_health(struct control_call *call)
{
	struct text trouble = {0};
	bool has_trouble = control_plane_has_trouble(call->plane, &trouble);
	struct text *to = control_call_answer(call, has_trouble ? 503 : 200);
	call->answer.media = "text/plain; charset=utf-8";
	if (has_trouble)
		text_addf(to, "the store does not work: %s\n", text_c(&trouble));
	else
		text_add(to, STR("ok\n"));
	text_done(&trouble);
}
