/*
 * What is known of an address lies in the tables that all workers share. An entry that nobody has
 * is made for a moment, as if it had just been usable.
 */
#include "origin/survey.h"

#include "origin/endpoint.h"
#include "origin/names.h"

struct survey {
	struct origin_shared *shared;
	struct model_domain *domain;
	struct model_origin *origin;
	enum model_protocol protocol;
	uint64_t now_ms;
	struct origin_survey *made;
};

/* What is further from being used as always. */
static unsigned badness_of(enum origin_state state)
{
	switch (state) {
	case ORIGIN_USABLE:
		return 0;
	case ORIGIN_RAMPING:
		return 1;
	case ORIGIN_ON_TRIAL:
		return 2;
	case ORIGIN_READY:
		return 3;
	case ORIGIN_PROBING:
		return 4;
	case ORIGIN_BLOCKED:
		return 5;
	}
	CHECK(false);
	return 0;
}

static bool is_out(const struct origin_health_view *view)
{
	return view->state != ORIGIN_USABLE && view->state != ORIGIN_RAMPING;
}

static void add(struct survey *survey, const struct model_address *configured,
        const struct address *address)
{
	struct origin_survey_entry *entry = &survey->made->entries[survey->made->count++];
	struct origin_health_view host_view, view;
	struct origin_server *server = origin_health_server(origin_shared_health(survey->shared),
	        str_of(survey->domain->name), address, survey->protocol,
	        origin_endpoint_server_name(survey->domain, survey->origin, survey->protocol));
	const struct origin_host *host = origin_health_server_host(server);
	unsigned share;
	origin_health_view_host(host, survey->now_ms, &host_view);
	origin_health_view_server(server, survey->now_ms, &view);
	bool is_of_host = badness_of(host_view.state) > badness_of(view.state);
	*entry = (struct origin_survey_entry){
	        .configured = configured,
	        .address = *address,
	        .is_out = is_out(&host_view) || is_out(&view),
	        .is_of_host = is_of_host,
	        .view = is_of_host ? host_view : view,
	};
	entry->view.latency_us = view.latency_us;
	entry->is_usable = origin_health_standing(host, server, survey->now_ms, &share,
	                           &entry->until_ms) != ORIGIN_STANDING_BLOCKED;
	origin_health_server_unref(server);
}

static void add_name(struct survey *survey, const struct model_address *configured)
{
	struct origin_name_set set;
	struct origin_name *name =
	        origin_names_get(origin_shared_names(survey->shared), str_of(configured->host));
	(void)origin_names_version(name); /* it is in use */
	origin_names_copy(name, &set);
	origin_names_unref(name);
	survey->made->resolving += set.version == 0;
	survey->made->unresolved += set.version != 0 && set.count == 0;
	for (unsigned i = 0; i < set.count; i++) {
		set.addresses[i].port = origin_endpoint_port(configured, survey->protocol);
		add(survey, configured, &set.addresses[i]);
	}
}

void origin_survey_make(struct origin_shared *shared, struct model_domain *domain,
        enum model_role role, enum model_protocol scheme, uint64_t now_ms, struct arena *arena,
        struct origin_survey *ret_survey)
{
	struct survey survey = {.shared = shared,
	        .domain = domain,
	        .origin = model_domain_origin(domain, role),
	        .now_ms = now_ms,
	        .made = ret_survey};
	*ret_survey = (struct origin_survey){.count = 0};
	if (survey.origin == NULL)
		return;
	ret_survey->protocol = survey.protocol = origin_endpoint_protocol(survey.origin, scheme);
	ret_survey->entries = arena_zero(arena,
	        survey.origin->address_count * LIMIT_RESOLVED * sizeof(*ret_survey->entries));
	for (unsigned i = 0; i < survey.origin->address_count; i++) {
		const struct model_address *configured = &survey.origin->addresses[i];
		struct address ip = configured->ip;
		ip.port = origin_endpoint_port(configured, survey.protocol);
		if (configured->weight == 0)
			ret_survey->drained++;
		else if (configured->is_ip)
			add(&survey, configured, &ip);
		else
			add_name(&survey, configured);
	}
}

bool origin_survey_is_all_out(const struct origin_survey *survey)
{
	for (unsigned i = 0; i < survey->count; i++)
		if (!survey->entries[i].is_out)
			return false;
	return survey->count != 0;
}
