/*
 * Defaults, resolved.
 */
#include "origin/endpoint.h"

enum model_protocol origin_endpoint_protocol(const struct model_origin *origin)
{
	return origin->protocol == MODEL_HTTPS ? MODEL_HTTPS : MODEL_HTTP;
}

uint16_t origin_endpoint_port(
        const struct model_origin *origin, const struct model_address *address)
{
	if (address->port != 0)
		return address->port;
	return origin_endpoint_protocol(origin) == MODEL_HTTPS ? 443 : 80;
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

struct str origin_endpoint_server_name(
        const struct model_domain *domain, const struct model_origin *origin)
{
	if (origin_endpoint_protocol(origin) != MODEL_HTTPS)
		return STR_EMPTY;
	if (origin->tls.server_name != NULL)
		return str_of(origin->tls.server_name);
	if (origin->bucket.host != NULL)
		return str_of(origin->addresses[0].host);
	return origin_endpoint_probe_host(domain, origin);
}
