/*
 * Defaults, resolved.
 */
#include "origin/endpoint.h"

enum model_protocol origin_endpoint_protocol(
        const struct model_origin *origin, enum model_protocol scheme)
{
	CHECK(scheme != MODEL_FOLLOW);
	return origin->protocol == MODEL_FOLLOW ? scheme : (enum model_protocol)origin->protocol;
}

unsigned origin_endpoint_protocols(
        const struct model_origin *origin, enum model_protocol ret_protocols[static 2])
{
	ret_protocols[0] = origin_endpoint_protocol(origin, MODEL_HTTP);
	ret_protocols[1] = origin_endpoint_protocol(origin, MODEL_HTTPS);
	return ret_protocols[0] == ret_protocols[1] ? 1 : 2;
}

uint16_t origin_endpoint_port(const struct model_address *address, enum model_protocol protocol)
{
	if (address->port != 0)
		return address->port;
	return protocol == MODEL_HTTPS ? 443 : 80;
}

struct str origin_endpoint_probe_host(
        const struct model_domain *domain, const struct model_origin *origin)
{
	/* A bucket is always asked as itself. */
	if (origin->bucket.host != NULL)
		return str_of(origin->bucket.host);
	struct str name = str_of(origin->host != NULL ? origin->host : domain->name);
	if (str_has_prefix(name, STR("*.")))
		return str_make(name.at + 2, name.len - 2);
	return name;
}

/* The host of "host", "host:port", "[v6]" or "[v6]:port". */
static struct str host_of(struct str authority)
{
	if (str_has_prefix(authority, STR("["))) {
		struct str rest = str_make(authority.at + 1, authority.len - 1);
		return str_cut(&rest, ']');
	}
	return str_cut(&authority, ':');
}

bool origin_endpoint_asks_by_name(const struct model_domain *domain,
        const struct model_origin *origin, enum model_protocol protocol)
{
	return protocol == MODEL_HTTPS && origin->tls.server_name == NULL && origin->host == NULL &&
	       origin->bucket.host == NULL && domain->name[0] == '*';
}

struct str origin_endpoint_server_name(const struct model_domain *domain,
        const struct model_origin *origin, enum model_protocol protocol)
{
	if (protocol != MODEL_HTTPS)
		return STR_EMPTY;
	if (origin->tls.server_name != NULL)
		return str_of(origin->tls.server_name);
	return host_of(origin_endpoint_probe_host(domain, origin));
}
