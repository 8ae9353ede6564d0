/*
 * What an origin has as an IP literal is that. Anything else of the right port is an address of a
 * name of the right port; certainly so where there is one such name.
 */
#include "control/match.h"

#include "origin/endpoint.h"

/* Whether the origin is pulled from as the item says, whatever the address. */
static bool is_manner(const struct model_domain *domain, const struct model_origin *origin,
        const struct control_health_item *item)
{
	return origin_endpoint_protocol(origin, item->protocol) == item->protocol &&
	       str_is_equal(origin_endpoint_server_name(domain, origin, item->protocol),
	               item->server_name);
}

static bool is_port(const struct model_address *address, const struct control_health_item *item)
{
	return origin_endpoint_port(address, item->protocol) == item->address.port;
}

static bool is_literal(const struct model_address *address, const struct control_health_item *item)
{
	return address->is_ip && is_port(address, item) &&
	       memcmp(address->ip.ip, item->address.ip, sizeof(item->address.ip)) == 0;
}

/* How many names may have the address; 0 where it is a literal of some origin. */
static unsigned count_names(struct model_domain *domain, const struct control_health_item *item)
{
	unsigned count = 0;
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		const struct model_origin *origin =
		        model_domain_origin(domain, (enum model_role)role);
		if (origin == NULL || !is_manner(domain, origin, item))
			continue;
		for (unsigned i = 0; i < origin->address_count; i++) {
			const struct model_address *address = &origin->addresses[i];
			if (is_literal(address, item))
				return 0;
			count += !address->is_ip && is_port(address, item);
		}
	}
	return count;
}

enum control_match control_match_address(struct model_domain *domain, enum model_role role,
        unsigned index, const struct control_health_item *item)
{
	const struct model_origin *origin = model_domain_origin(domain, role);
	CHECK(origin != NULL && index < origin->address_count);
	const struct model_address *address = &origin->addresses[index];
	if (!is_manner(domain, origin, item) || !is_port(address, item))
		return CONTROL_MATCH_NONE;
	if (address->is_ip)
		return is_literal(address, item) ? CONTROL_MATCH_CERTAIN : CONTROL_MATCH_NONE;
	unsigned names = count_names(domain, item);
	if (names == 0)
		return CONTROL_MATCH_NONE;
	return names == 1 ? CONTROL_MATCH_CERTAIN : CONTROL_MATCH_MAYBE;
}

static bool has_address(
        struct model_domain *domain, enum model_role role, const struct control_health_item *item)
{
	const struct model_origin *origin = model_domain_origin(domain, role);
	for (unsigned i = 0; origin != NULL && i < origin->address_count; i++)
		if (control_match_address(domain, role, i, item) != CONTROL_MATCH_NONE)
			return true;
	return false;
}

void control_match_print_roles(
        struct model_domain *domain, const struct control_health_item *item, struct text *to)
{
	bool is_master = has_address(domain, MODEL_MASTER, item);
	bool is_backup = has_address(domain, MODEL_BACKUP, item);
	text_addf(to, ",\"roles\":[%s%s%s]", is_master ? "\"origin\"" : "",
	        is_master && is_backup ? "," : "", is_backup ? "\"backup\"" : "");
}
