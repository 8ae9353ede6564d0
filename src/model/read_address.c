/*
 * One address of an origin: "host[:port][:weight]", "host::weight", "[v6]:port:weight", "v6".
 *
 * An IPv6 address without brackets may stand alone only. "2001:db8::1:80" is an address as well as
 * an address with a port, and "cafe::5" an address as well as a name with a weight; what can be
 * read in two ways is refused, since the wrong one would send visitors elsewhere.
 */
#include "model/host.h"
#include "model/read.h"

enum { WEIGHT_MAX = 100, WEIGHT_STANDARD = 1 };

static const char *const AMBIGUOUS = "can be read in two ways; write an IPv6 address in brackets, "
                                     "[address]:port:weight, and a name "
                                     "with its port, host:port:weight";

/* The parts as written. */
struct parts {
	struct str host, port, weight;
	bool has_port, has_weight, has_brackets;
};

static bool refuse(struct model_why *ret_why, const char *rule, const char *words)
{
	*ret_why = (struct model_why){.rule = rule, .words = words};
	return false;
}

static bool is_ip_v6(struct str text)
{
	struct address ip;
	return str_find(text, ':') >= 0 && address_parse_ip(text, 0, &ip);
}

static bool read_weight(struct str text, uint8_t *ret_weight)
{
	uint64_t weight;
	if (text.len > 3 || !str_to_u64(text, &weight) || weight > WEIGHT_MAX)
		return false;
	*ret_weight = (uint8_t)weight;
	return true;
}

/* Whether an IPv6 address without brackets may also mean an address or a name with a number behind.
 */
static bool is_ambiguous(struct str text)
{
	struct str front = text;
	while (front.at[front.len - 1] != ':')
		front.len--;
	struct str behind = str_make(text.at + front.len, text.len - front.len);
	uint64_t number;
	if (!str_to_u64(behind, &number))
		return false;
	front.len--;
	if (is_ip_v6(front))
		return true;
	/* "name::5": the front is now "name:". */
	struct model_host host;
	struct model_why why;
	if (front.len < 2 || front.at[front.len - 1] != ':' || number > WEIGHT_MAX)
		return false;
	front.len--;
	return model_host_read(front, &host, &why);
}

/* Whether a name and its weight would be an IPv6 address in the form in which they are printed, as
 * those of "cafe.::5". */
static bool is_ambiguous_name(const struct model_host *host, const struct parts *parts)
{
	struct text printed = {0};
	if (host->is_ip || parts->has_port || !parts->has_weight)
		return false;
	text_addf(&printed, "%s::%.*s", host->name, STR_ARG(parts->weight));
	bool is_ambiguous = is_ip_v6(text_str(&printed));
	text_done(&printed);
	return is_ambiguous;
}

/* Cuts off the host and what follows its brackets or colon; *rest is without the colon then. */
static bool cut_host(struct str *rest, struct parts *parts, struct model_why *ret_why)
{
	struct str text = *rest;
	parts->has_brackets = text.len > 0 && text.at[0] == '[';
	if (!parts->has_brackets) {
		parts->host = str_cut(rest, ':');
		return true;
	}
	*rest = str_make(text.at + 1, text.len - 1);
	parts->host = str_cut(rest, ']');
	if (rest->at == NULL || (rest->len != 0 && rest->at[0] != ':'))
		return refuse(ret_why, "address", "is not [address]:port:weight");
	*rest = rest->len == 0 ? STR_EMPTY : str_make(rest->at + 1, rest->len - 1);
	return true;
}

static bool cut_parts(struct str text, struct parts *ret_parts, struct model_why *ret_why)
{
	struct parts parts = {0};
	struct str rest = text;
	if (is_ip_v6(text)) {
		if (is_ambiguous(text))
			return refuse(ret_why, "address", AMBIGUOUS);
		*ret_parts = (struct parts){.host = text};
		return true;
	}
	if (!cut_host(&rest, &parts, ret_why))
		return false;
	if (rest.at != NULL && str_has_prefix(rest, STR("//")))
		return refuse(ret_why, "address",
		        "is a URL: write host:port, and the scheme as `protocol`");
	if (rest.at != NULL) {
		parts.port = str_cut(&rest, ':');
		parts.has_weight = rest.at != NULL;
		parts.has_port = parts.port.len != 0 || !parts.has_weight;
		parts.weight = rest;
	}
	if (str_find(parts.weight, ':') >= 0)
		return refuse(ret_why, "address",
		        "has too many colons; an IPv6 address with a port or a weight needs "
		        "brackets: [address]:port:weight");
	*ret_parts = parts;
	return true;
}

bool model_read_address(struct model_domain *domain, struct str text,
        struct model_address *ret_address, struct model_why *ret_why)
{
	struct parts parts;
	struct model_host host;
	struct model_address address = {.weight = WEIGHT_STANDARD};
	if (!cut_parts(text, &parts, ret_why) || !model_host_read(parts.host, &host, ret_why))
		return false;
	if (parts.has_brackets && (!host.is_ip || str_find(parts.host, ':') < 0))
		return refuse(ret_why, "address", "has brackets around what is no IPv6 address");
	if (parts.has_port && !model_host_read_port(parts.port, &address.port)) {
		*ret_why = (struct model_why){.rule = "range",
		        .words = "has a port that is not in",
		        .allowed = "1-65535"};
		return false;
	}
	if (parts.has_weight && !read_weight(parts.weight, &address.weight)) {
		*ret_why = (struct model_why){.rule = "range",
		        .words = "has a weight that is not in",
		        .allowed = "0-100"};
		return false;
	}
	if (is_ambiguous_name(&host, &parts))
		return refuse(ret_why, "address", AMBIGUOUS);
	address.host = model_domain_copy(domain, str_of(host.name));
	address.is_ip = host.is_ip;
	address.ip = host.ip;
	if (host.is_ip)
		address.ip.port = address.port;
	*ret_address = address;
	return true;
}
