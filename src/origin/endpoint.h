/*
 * What an origin's address means on the wire: protocol, port, the name that TLS asks for. One code
 * for groups and probes, so that both speak of the same server. Pure.
 */
#pragma once

#include "model/domain.h"

/* How an origin is spoken to for a client whose scheme is `scheme`, HTTP or HTTPS; so is the
 * answer. */
enum model_protocol origin_endpoint_protocol(
        const struct model_origin *origin, enum model_protocol scheme);

/* The protocols that an origin may be spoken to with, one or both; how many. */
unsigned origin_endpoint_protocols(
        const struct model_origin *origin, enum model_protocol ret_protocols[static 2]);

/* The port of one of its addresses: as written, or the protocol's. */
uint16_t origin_endpoint_port(const struct model_address *address, enum model_protocol protocol);

/* The name for SNI and verification, empty for HTTP: without a port, an IPv6 address without
 * brackets. Of a wildcard "*.suffix" that says nothing else it is the suffix. Lives as long as the
 * domain. */
struct str origin_endpoint_server_name(const struct model_domain *domain,
        const struct model_origin *origin, enum model_protocol protocol);

/* Whether that name is only for want of the host asked for, which is what connections are to be
 * made with: a wildcard domain's. */
bool origin_endpoint_asks_by_name(const struct model_domain *domain,
        const struct model_origin *origin, enum model_protocol protocol);

/* The Host that a background probe sends; of a wildcard "*.suffix" it is the suffix. */
struct str origin_endpoint_probe_host(
        const struct model_domain *domain, const struct model_origin *origin);
