/* fuzz: http - what is read is written and read again as the same, and no plain no-store is missed
 */
#include "http/cache_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 32 };

static const char *const NAMES[HTTP_DIRECTIVES] = {
        [HTTP_DIRECTIVE_NO_STORE] = "no-store",
        [HTTP_DIRECTIVE_NO_CACHE] = "no-cache",
        [HTTP_DIRECTIVE_NO_TRANSFORM] = "no-transform",
        [HTTP_DIRECTIVE_MAX_AGE] = "max-age",
        [HTTP_DIRECTIVE_STALE_IF_ERROR] = "stale-if-error",
        [HTTP_DIRECTIVE_MIN_FRESH] = "min-fresh",
        [HTTP_DIRECTIVE_MAX_STALE] = "max-stale",
        [HTTP_DIRECTIVE_ONLY_IF_CACHED] = "only-if-cached",
        [HTTP_DIRECTIVE_S_MAXAGE] = "s-maxage",
        [HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE] = "stale-while-revalidate",
        [HTTP_DIRECTIVE_PRIVATE] = "private",
        [HTTP_DIRECTIVE_PUBLIC] = "public",
        [HTTP_DIRECTIVE_MUST_REVALIDATE] = "must-revalidate",
        [HTTP_DIRECTIVE_PROXY_REVALIDATE] = "proxy-revalidate",
        [HTTP_DIRECTIVE_MUST_UNDERSTAND] = "must-understand",
        [HTTP_DIRECTIVE_IMMUTABLE] = "immutable",
};

static bool parse(struct str text, struct http_field fields[FIELDS], struct http_head *ret_head)
{
	const struct http_head_limits limits = {.head_bytes = LIMIT_HEAD_BYTES, .fields = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	*ret_head = (struct http_head){.fields = fields, .capacity = FIELDS};
	return http_head_parse_trailers(text, &scanned, &limits, ret_head, &fault) ==
	       HTTP_PARSE_DONE;
}

static void write_names(struct text *to, const struct http_cache_control_names *names)
{
	for (unsigned i = 0; i < names->count; i++)
		text_addf(to, "%s%.*s", i == 0 ? "=\"" : ",", STR_ARG(names->lists[i]));
	if (names->count > 0)
		text_add(to, STR("\""));
}

/* Writes the directives as one Cache-Control field; seconds[id] is UINT32_MAX where there is none.
 */
static void write_field(struct text *to, uint32_t has, const uint32_t seconds[HTTP_DIRECTIVES],
        const struct http_cache_control_response *response)
{
	text_clear(to);
	text_add(to, STR("Cache-Control: "));
	for (enum http_directive id = 0; id < HTTP_DIRECTIVES; id++) {
		if (!http_cache_control_has(has, id))
			continue;
		text_addf(to, ", %s", NAMES[id]);
		if (seconds[id] != UINT32_MAX) {
			CHECK(seconds[id] <= HTTP_CACHE_CONTROL_MAX_S);
			text_addf(to, "=%u", seconds[id]);
		} else if (response != NULL && id == HTTP_DIRECTIVE_NO_CACHE) {
			write_names(to, &response->no_cache);
		} else if (response != NULL && id == HTTP_DIRECTIVE_PRIVATE) {
			write_names(to, &response->private);
		}
	}
	text_add(to, STR("\r\n\r\n"));
}

static void write_response(struct text *to, const struct http_head *head)
{
	struct http_cache_control_response control;
	uint32_t seconds[HTTP_DIRECTIVES];
	http_cache_control_of_response(head, &control);
	memset(seconds, 0xff, sizeof(seconds));
	seconds[HTTP_DIRECTIVE_MAX_AGE] = control.max_age_s;
	seconds[HTTP_DIRECTIVE_S_MAXAGE] = control.s_maxage_s;
	seconds[HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE] = control.stale_while_revalidate_s;
	seconds[HTTP_DIRECTIVE_STALE_IF_ERROR] = control.stale_if_error_s;
	write_field(to, control.has, seconds, &control);
}

static void write_request(struct text *to, const struct http_head *head)
{
	struct http_cache_control_request control;
	uint32_t seconds[HTTP_DIRECTIVES];
	http_cache_control_of_request(head, &control);
	memset(seconds, 0xff, sizeof(seconds));
	seconds[HTTP_DIRECTIVE_MAX_AGE] = control.max_age_s;
	seconds[HTTP_DIRECTIVE_MIN_FRESH] = control.min_fresh_s;
	seconds[HTTP_DIRECTIVE_MAX_STALE] = control.max_stale_s;
	seconds[HTTP_DIRECTIVE_STALE_IF_ERROR] = control.stale_if_error_s;
	write_field(to, control.has, seconds, NULL);
}

typedef void writer_of(struct text *to, const struct http_head *head);

static void check_again(const struct http_head *head, writer_of *write)
{
	struct http_field fields[FIELDS];
	struct http_head again;
	struct text first = {0}, second = {0};
	write(&first, head);
	if (first.len < LIMIT_HEAD_BYTES) {
		CHECK(parse(text_str(&first), fields, &again));
		write(&second, &again);
		CHECK(str_is_equal(text_str(&first), text_str(&second)));
	}
	text_done(&first);
	text_done(&second);
}

/* Where no quote stands in a line, the members are what stands between the commas. */
static void check_no_store(const struct http_head *head)
{
	struct http_cache_control_request request;
	struct http_cache_control_response response;
	bool is_there = false;
	for (unsigned i = 0; i < head->count; i++) {
		struct str rest = http_head_value(head, &head->fields[i]);
		if (head->fields[i].id != HTTP_NAME_CACHE_CONTROL || str_find(rest, '"') >= 0)
			continue;
		while (rest.len > 0)
			is_there |=
			        str_is_equal_nocase(str_trim(str_cut(&rest, ',')), STR("no-store"));
	}
	http_cache_control_of_request(head, &request);
	http_cache_control_of_response(head, &response);
	CHECK(!is_there || http_cache_control_has(request.has, HTTP_DIRECTIVE_NO_STORE));
	CHECK(!is_there || response.is_targeted ||
	        http_cache_control_has(response.has, HTTP_DIRECTIVE_NO_STORE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field fields[FIELDS];
	struct http_head head;
	if (!parse(str_make((const char *)data, size), fields, &head))
		return 0;
	check_again(&head, write_response);
	check_again(&head, write_request);
	check_no_store(&head);
	return 0;
}
