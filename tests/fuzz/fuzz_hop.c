/* fuzz: http - what is dropped is what a slow and simple reading of the rules drops */
#include "http/hop.h"

#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { FIELDS = 64 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	hash_init();
	return 0;
}

static bool is_never_forwarded(struct str name)
{
	static const struct str names[] = {STR("Connection"), STR("Keep-Alive"),
	        STR("Proxy-Connection"), STR("Proxy-Authenticate"), STR("Proxy-Authorization"),
	        STR("TE"), STR("Trailer"), STR("Transfer-Encoding"), STR("Upgrade"),
	        STR("Content-Length"), STR("Host"), STR("Expect")};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (str_is_equal_nocase(name, names[i]))
			return true;
	}
	return false;
}

static bool is_named(const struct http_head *head, struct str name)
{
	if (str_is_equal_nocase(name, STR("close")))
		return false;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_CONNECTION)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]);
		while (rest.len > 0) {
			if (str_is_equal_nocase(str_trim(str_cut(&rest, ',')), name))
				return true;
		}
	}
	return false;
}

static bool is_trusted(const struct address *address, const void *context)
{
	const unsigned *mask = context;
	return (address->ip[15] & *mask) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct http_head_limits limits = {.head_bytes = LIMIT_HEAD_BYTES, .fields = FIELDS};
	struct http_field fields[FIELDS];
	struct http_head head = {.fields = fields, .capacity = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	struct str text = str_make((const char *)data, size);
	if (http_head_parse_trailers(text, &scanned, &limits, &head, &fault) != HTTP_PARSE_DONE)
		return 0;
	uint64_t drop[HTTP_HOP_WORDS];
	http_hop_mark(&head, drop);
	for (unsigned i = 0; i < head.count; i++) {
		struct str name = http_head_name(&head, &fields[i]);
		bool is_dropped = (drop[i / 64] >> i % 64 & 1) != 0;
		CHECK(is_dropped == (is_never_forwarded(name) || is_named(&head, name)));
	}
	http_hop_has_cdn_id(&head, STR("a"));

	unsigned mask = size % 4;
	struct address peer, client;
	CHECK(address_parse(STR("10.0.0.0:1"), &peer));
	client = peer;
	if (!http_hop_client(&head, is_trusted, &mask, &client))
		CHECK(address_is_equal(&client, &peer));
	return 0;
}
