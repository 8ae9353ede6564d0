/* fuzz: http - what is an authority stays one when it is normal, and parts are parts of the whole
 */
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_authority(struct str text)
{
	struct http_authority authority, again;
	if (!http_uri_parse_authority(text, &authority))
		return;
	CHECK(authority.host.len > 0 && authority.host.len <= LIMIT_HOST_BYTES);
	CHECK(authority.host.at == text.at && authority.host.len <= text.len);
	for (size_t i = 0; i < text.len; i++)
		CHECK(text.at[i] > 0x20 && text.at[i] != '/' && text.at[i] != '@' &&
		        text.at[i] != ',');

	char to[LIMIT_HOST_BYTES + 1], to_again[LIMIT_HOST_BYTES + 1];
	struct str normal = http_uri_normal_host(authority.host, to);
	CHECK(http_uri_parse_authority(normal, &again));
	CHECK(str_is_equal(again.host, normal) && again.port == 0);
	CHECK(str_is_equal(http_uri_normal_host(normal, to_again), normal));
	CHECK(str_is_equal_nocase(normal, str_make(authority.host.at, normal.len)));
}

static void try_absolute(struct str text)
{
	struct str authority, path;
	struct http_authority parts;
	if (!http_uri_parse_absolute(text, &authority, &path))
		return;
	CHECK(http_uri_parse_authority(authority, &parts));
	CHECK(path.len > 0 && path.at[0] == '/' && str_find(path, '#') < 0);
	CHECK(authority.at > text.at && authority.at + authority.len <= text.at + text.len);
}

static void try_query(struct str text)
{
	struct str path, query;
	http_uri_cut_query(text, &path, &query);
	CHECK(str_find(path, '?') < 0);
	CHECK(path.len + query.len + (str_find(text, '?') >= 0) == text.len);
}

/* A plain path decodes to one without controls and without folders that are resolved. */
static void try_plain(struct str text)
{
	struct str path, query;
	struct text decoded = {0};
	if (!http_uri_is_plain(text))
		return;
	http_uri_cut_query(text, &path, &query);
	CHECK(http_uri_has_valid_escapes(path));
	http_uri_decode(path, &decoded);
	CHECK(decoded.len > 0 && decoded.len <= path.len && decoded.at[0] == '/');
	struct str rest = text_str(&decoded);
	while (rest.at != NULL) {
		struct str segment = str_cut(&rest, '/');
		CHECK(!str_is_equal(segment, STR(".")) && !str_is_equal(segment, STR("..")));
		for (size_t i = 0; i < segment.len; i++)
			CHECK((unsigned char)segment.at[i] >= ' ' && segment.at[i] != 0x7f);
	}
	text_done(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	try_authority(text);
	try_absolute(text);
	try_query(text);
	try_plain(text);
	http_uri_has_valid_escapes(text);
	return 0;
}
