/*
 * What an origin's address means on the wire: protocol, port, the name that TLS asks for. One code
 * for groups and probes, so that both speak of the same server. Pure.
 */
#pragma once

#include "model/domain.h"

/* HTTP or HTTPS. `follow` is HTTP for as long as clients speak no TLS to us. */
enum model_protocol origin_endpoint_protocol(const struct model_origin *origin);

/* The port of one of its addresses: as written, or the protocol's. */
uint16_t origin_endpoint_port(
        const struct model_origin *origin, const struct model_address *address);

/* The name for SNI and verification, empty for HTTP. Lives as long as the domain. */
struct str origin_endpoint_server_name(
        const struct model_domain *domain, const struct model_origin *origin);

/* The Host that a background probe sends; of a wildcard "*.suffix" it is the suffix. */
struct str origin_endpoint_probe_host(
        const struct model_domain *domain, const struct model_origin *origin);
