/*
 * What a stream of events begins with: how things are. What changes from then on is told by
 * control/announce.h.
 */
#include "control/api.h"
#include "control/events.h"
#include "model/host.h"

/* How long a client that lost its stream waits before it comes again. */
enum { RETRY_MS = 2000 };

/* Whose addresses are told of, in the form in which names are kept. */
static struct str read_domain(struct control_call *call)
{
	struct str name = control_query_get(&call->query, "domain");
	struct model_host host;
	struct model_why why;
	if (name.len > 0 && model_host_read_pattern(name, &host, &why))
		return arena_copy(&call->arena, str_of(host.name));
	return name;
}

void control_api_events_stream(struct control_call *call)
{
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	struct text *to = control_call_answer(call, 200), data = {0};
	call->answer.media = "text/event-stream";
	call->answer.is_stream = true;
	call->answer.domain = read_domain(call);
	/* Whoever is between is not to gather it. */
	control_call_add_field(call, "X-Accel-Buffering", "no");
	text_addf(to, "retry: %u\n\n", RETRY_MS);
	text_addf(&data,
	        "{\"at_ms\":%llu,\"revision\":%llu,\"edges\":", (unsigned long long)call->now_ms,
	        (unsigned long long)model_snapshot_revision(now));
	control_fleet_print(call->plane->fleet, &data);
	text_add_char(&data, '}');
	control_events_print("begin", text_str(&data), to);
	text_done(&data);
	model_snapshot_unref(now);
}
