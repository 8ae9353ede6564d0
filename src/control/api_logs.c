/*
 * Requests as they come: what a stream of them is asked for by. The lines are those of the edges
 * (control/tail.h).
 */
#include "control/api.h"
#include "control/events.h"
#include "link/filter.h"
#include "model/host.h"

/* How long a client that lost its stream waits before it comes again. */
enum { RETRY_MS = 2000 };

static bool refuse(struct control_call *call, const char *name, const char *words)
{
	control_call_refuse(
	        call, CONTROL_PROBLEM_BAD_REQUEST, "the query's \"%s\" %s", name, words);
	return false;
}

/* "503", or "5xx" for all of a class. */
static bool read_status(struct control_call *call, struct link_filter *filter)
{
	struct str text = control_query_get(&call->query, "status");
	uint64_t status;
	if (text.at == NULL)
		return true;
	if (text.len == 3 && text.at[0] >= '1' && text.at[0] <= '5' &&
	        str_is_equal_nocase(str_make(text.at + 1, 2), STR("xx"))) {
		filter->status_min = (uint16_t)((text.at[0] - '0') * 100);
		filter->status_max = (uint16_t)(filter->status_min + 99);
		return true;
	}
	if (text.len != 3 || !str_to_u64(text, &status) || status < 100 || status > 599)
		return refuse(call, "status", "is no status (503), and no class of them (5xx)");
	filter->status_min = filter->status_max = (uint16_t)status;
	return true;
}

static bool read_domain(struct control_call *call, struct link_filter *filter)
{
	struct str text = control_query_get(&call->query, "domain");
	struct model_host host;
	struct model_why why;
	if (text.at == NULL)
		return true;
	if (model_host_read_pattern(text, &host, &why))
		text = arena_copy(&call->arena, str_of(host.name));
	return link_filter_set_domain(filter, text) ||
	       refuse(call, "domain", "is longer than any name of a domain");
}

static bool read_filter(struct control_call *call, struct link_filter *filter)
{
	const struct control_query *query = &call->query;
	filter->is_failed = control_query_is_on(query, "failed");
	filter->is_retried = control_query_is_on(query, "retried");
	filter->is_backup = control_query_is_on(query, "backup");
	return read_domain(call, filter) && read_status(call, filter) &&
	       (link_filter_set_path(filter, control_query_get(query, "path")) ||
	               refuse(call, "path", "is too long")) &&
	       (link_filter_set_cache(filter, control_query_get(query, "cache")) ||
	               refuse(call, "cache", "is longer than any word of X-Cache")) &&
	       (link_filter_set_client(filter, control_query_get(query, "client")) ||
	               refuse(call, "client", "is no IP address, and no prefix of them"));
}

void control_api_logs_tail(struct control_call *call)
{
	struct link_filter *filter = arena_zero(&call->arena, sizeof(*filter));
	struct text data = {0};
	if (!read_filter(call, filter))
		return;
	struct text *to = control_call_answer(call, 200);
	call->answer.media = "text/event-stream";
	call->answer.is_stream = true;
	call->answer.filter = filter;
	/* Whoever is between is not to gather it. */
	control_call_add_field(call, "X-Accel-Buffering", "no");
	text_addf(to, "retry: %u\n\n", RETRY_MS);
	text_addf(&data, "{\"at_ms\":%llu,\"edges\":%zu}", (unsigned long long)call->now_ms,
	        control_fleet_count(call->plane->fleet));
	control_events_print("begin", text_str(&data), to);
	text_done(&data);
}
