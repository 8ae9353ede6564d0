/* fuzz: base - what is read as an address prints, reads again and compares as the same one */
#include "base/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_address(struct str text)
{
	struct address address, again;
	union address_sockaddr sockaddr;
	char printed[ADDRESS_TEXT_BYTES];
	if (!address_parse(text, &address))
		return;
	CHECK(address_parse(str_of(address_format(&address, printed)), &again));
	CHECK(address_is_equal(&address, &again));
	address_to_sockaddr(&address, &sockaddr);
	address_from_sockaddr(&sockaddr.any, &again);
	CHECK(address_is_equal(&address, &again));
}

static void try_ip(struct str text)
{
	struct address address, again;
	char printed[ADDRESS_TEXT_BYTES];
	if (!address_parse_ip(text, 80, &address))
		return;
	CHECK(address_parse_ip(str_of(address_format_ip(&address, printed)), 80, &again));
	CHECK(address_is_equal(&address, &again));
	/* An IP is a prefix that holds itself. */
	struct address_prefix prefix;
	CHECK(address_prefix_parse(text, &prefix));
	CHECK(prefix.bits == 128 && address_is_in(&address, &prefix));
}

static void try_prefix(struct str text)
{
	struct address_prefix prefix;
	if (!address_prefix_parse(text, &prefix))
		return;
	CHECK(prefix.bits <= 128);
	struct address first = {.port = 80};
	memcpy(first.ip, prefix.ip, sizeof(first.ip));
	/* A short prefix of IPv6 does not hold the mapped IPv4 addresses, all other ones hold their
	 * first. */
	CHECK(address_is_in(&first, &prefix) || (prefix.bits < 96 && address_is_v4(&first)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	try_address(text);
	try_ip(text);
	try_prefix(text);
	return 0;
}
