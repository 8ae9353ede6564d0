/* fuzz: cache - a variant can be read in one way, and the request that it stands for has the same
 */
#include "base/hash.h"
#include "cache/vary.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 32 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	hash_init();
	return 0;
}

static bool parse(struct str text, struct http_field fields[FIELDS], struct http_head *ret_head)
{
	const struct http_head_limits limits = {.head_bytes = LIMIT_HEAD_BYTES, .fields = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	*ret_head = (struct http_head){.fields = fields, .capacity = FIELDS};
	return http_head_parse_trailers(text, &scanned, &limits, ret_head, &fault) ==
	       HTTP_PARSE_DONE;
}

/* Writes the fields that a variant is made of; false where one would lose its last space. */
static bool write_fields(const struct cache_vary *vary, struct str variant, struct text *to)
{
	bool is_exact = true;
	for (unsigned i = 0; i < vary->count; i++) {
		uint64_t length;
		CHECK(variant.len >= 4);
		struct str digits = str_make(variant.at, 4);
		variant = str_make(variant.at + 4, variant.len - 4);
		if (str_is_equal(digits, STR("----")))
			continue;
		CHECK(str_to_hex_u64(digits, &length) && length <= variant.len);
		struct str value = str_make(variant.at, length);
		variant = str_make(variant.at + length, variant.len - length);
		is_exact &= str_is_equal(str_trim(value), value);
		text_addf(to, "%.*s: ", STR_ARG(vary->names[i]));
		text_add(to, value);
		text_add(to, STR("\r\n"));
	}
	CHECK(variant.len == 0);
	text_add(to, STR("\r\n"));
	return is_exact;
}

/* The head is a response's, for its Vary, and a request's, for its fields. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field fields[FIELDS], fields_again[FIELDS];
	struct http_head head, again;
	struct cache_vary vary = {0};
	const struct cache_vary_asked asked = {.head = &head, .is_trusted = true};
	const struct cache_vary_asked asked_again = {.head = &again, .is_trusted = true};
	char to[LIMIT_VARIANT_BYTES], to_again[LIMIT_VARIANT_BYTES];
	struct str variant, variant_again;
	if (!parse(str_make((const char *)data, size), fields, &head))
		return 0;
	CHECK(cache_vary_accept_encoding(&head).len > 0);
	if (cache_vary_add(&vary, &head) != CACHE_VARY_DONE) {
		CHECK(vary.count == 0);
		return 0;
	}
	CHECK(vary.count <= LIMIT_VARY_NAMES);
	if (cache_vary_write(&vary, &asked, to, &variant) != CACHE_VARY_DONE)
		return 0;
	struct text written = {0};
	if (write_fields(&vary, variant, &written)) {
		CHECK(parse(text_str(&written), fields_again, &again));
		CHECK(cache_vary_write(&vary, &asked_again, to_again, &variant_again) ==
		        CACHE_VARY_DONE);
		CHECK(str_is_equal(variant, variant_again));
	}
	text_done(&written);
	return 0;
}
