/* fuzz: http - a protocol is chosen only where a slow reading finds it, and so is an answer */
#include "http/upgrade.h"

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

/* Whether a field with this name has the text in it, in any case. */
static bool has_text(const struct http_head *head, enum http_name id, struct str text)
{
	for (unsigned i = 0; i < head->count; i++) {
		struct str value = http_head_value(head, &head->fields[i]);
		for (size_t at = 0; head->fields[i].id == id && at + text.len <= value.len; at++)
			if (str_is_equal_nocase(str_make(value.at + at, text.len), text))
				return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const PROTOCOLS[] = {"websocket", "irc/6.9"};
	const struct http_head_limits limits = {
	        .head_bytes = LIMIT_HEAD_BYTES, .target_bytes = LIMIT_HEAD_BYTES, .fields = FIELDS};
	struct http_field fields[FIELDS];
	struct http_head head = {.fields = fields, .capacity = FIELDS};
	struct str text = str_make((const char *)data, size);
	size_t scanned = 0;
	enum fault fault;
	if (http_head_parse_request(text, &scanned, &limits, &head, &fault) == HTTP_PARSE_DONE) {
		int index = http_upgrade_choose(&head, PROTOCOLS, ARRAY_LENGTH(PROTOCOLS));
		CHECK(index < (int)ARRAY_LENGTH(PROTOCOLS));
		if (index >= 0)
			CHECK(head.minor > 0 &&
			        has_text(&head, HTTP_NAME_UPGRADE, str_of(PROTOCOLS[index])) &&
			        has_text(&head, HTTP_NAME_CONNECTION, STR("upgrade")));
	}
	head = (struct http_head){.fields = fields, .capacity = FIELDS};
	scanned = 0;
	if (http_head_parse_response(text, &scanned, &limits, &head, &fault) == HTTP_PARSE_DONE &&
	        http_upgrade_is_answer(&head, STR("websocket")))
		CHECK(head.status == 101 && head.minor > 0 &&
		        str_is_equal_nocase(
		                http_head_get(&head, HTTP_NAME_UPGRADE), STR("websocket")) &&
		        has_text(&head, HTTP_NAME_CONNECTION, STR("upgrade")));
	return 0;
}
