/*
 * How a head is parsed: http_scan_lines looks for the empty line and refuses control bytes and bare
 * line ends on the way; once it found it, the first line and the fields are cut along the line ends
 * that it noted. What is already known to be wrong of a head that is not whole is refused before.
 *
 * The verdict does not depend on how the bytes were cut up by the network: each reason to refuse
 * belongs to a place in the text (the wrong byte, the end of a wrong first line, the limit), and
 * the first one wins. What is wrong inside of a field line is told when the head is whole. *scanned
 * has what must be remembered for that: how many bytes were scanned, and how many lines ended in
 * them.
 */
#include "http/head.h"

#include "http/body.h"
#include "http/scan_private.h"
#include "http/uri.h"

enum {
	MAX_LINES = LIMIT_HEAD_FIELDS + 2, /* with the first line and the empty one */
	LINES_SHIFT = 20,                  /* of the line count within *scanned */
	VERSION_BYTES = 8,                 /* "HTTP/1.1" */
	STATUS_BYTES = 12,                 /* "HTTP/1.1 200" */
};

_Static_assert(LIMIT_HEAD_BYTES < 1 << LINES_SHIFT, "*scanned has room for the bytes of a head");

enum section { SECTION_REQUEST, SECTION_RESPONSE, SECTION_TRAILERS };

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* What stands behind the first `count` bytes. */
static struct str behind(struct str text, size_t count)
{
	return str_make(text.at + count, text.len - count);
}

/* Whether the text could become `pattern`, in which "0" stands for any digit. */
static bool can_become(struct str text, struct str pattern)
{
	for (size_t i = 0; i < text.len && i < pattern.len; i++) {
		bool is_right =
		        pattern.at[i] == '0' ? is_digit(text.at[i]) : text.at[i] == pattern.at[i];
		if (!is_right)
			return false;
	}
	return true;
}

/* Cuts the method off *rest with its space. When the line is not whole *rest may become empty. */
static enum fault cut_method(struct str *rest, bool is_whole, struct str *ret_method)
{
	size_t length = http_scan_token(*rest);
	if (length > LIMIT_METHOD_BYTES)
		return FAULT_BAD_REQUEST;
	bool has_space = length > 0 && length < rest->len && rest->at[length] == ' ';
	if (!has_space && (is_whole || length < rest->len))
		return FAULT_BAD_REQUEST;
	*ret_method = str_make(rest->at, length);
	*rest = behind(*rest, length + has_space);
	return FAULT_NONE;
}

static enum fault parse_version(struct str version, uint8_t *ret_minor)
{
	if (version.len != VERSION_BYTES || !can_become(version, STR("HTTP/0.0")))
		return FAULT_BAD_REQUEST;
	if (version.at[5] != '1')
		return FAULT_BAD_VERSION;
	*ret_minor = version.at[7] != '0';
	return FAULT_NONE;
}

/* Parses a request line without its CRLF, or as much of it as is there. */
static enum fault parse_request_line(struct str line, bool is_whole,
        const struct http_head_limits *limits, struct http_head *ret_head)
{
	struct str rest = line, method = STR_EMPTY;
	enum fault fault = cut_method(&rest, is_whole, &method);
	if (fault != FAULT_NONE)
		return fault;
	/* Told from the length alone, so that it can be told before the line is whole. */
	if (rest.len > (size_t)limits->target_bytes + 1 + VERSION_BYTES)
		return FAULT_URI_TOO_LONG;
	if (!is_whole)
		return FAULT_NONE;

	size_t target_len = http_scan_visible(rest);
	if (target_len == 0)
		return FAULT_BAD_REQUEST;
	if (target_len > limits->target_bytes)
		return FAULT_URI_TOO_LONG;
	if (target_len == rest.len || rest.at[target_len] != ' ')
		return FAULT_BAD_REQUEST;
	ret_head->method = (uint8_t)http_method_of(method);
	ret_head->method_at = (uint32_t)(method.at - ret_head->base);
	ret_head->method_len = (uint32_t)method.len;
	ret_head->target_at = (uint32_t)(rest.at - ret_head->base);
	ret_head->target_len = (uint32_t)target_len;
	return parse_version(behind(rest, target_len + 1), &ret_head->minor);
}

/* Parses a status line without its CRLF, or as much of it as is there. */
static enum fault parse_status_line(struct str line, bool is_whole, struct http_head *ret_head)
{
	if (!can_become(line, STR("HTTP/1.0 000 ")))
		return FAULT_MALFORMED;
	if (!is_whole)
		return FAULT_NONE;
	if (line.len < STATUS_BYTES)
		return FAULT_MALFORMED;
	const char *digits = line.at + STATUS_BYTES - 3;
	unsigned status = (unsigned)(digits[0] - '0') * 100 + (unsigned)(digits[1] - '0') * 10 +
	                  (unsigned)(digits[2] - '0');
	if (status < 100 || status > 599)
		return FAULT_MALFORMED;
	struct str reason = STR_EMPTY;
	if (line.len > STATUS_BYTES)
		reason = behind(line, STATUS_BYTES + 1);
	ret_head->status = (uint16_t)status;
	ret_head->reason_at =
	        (uint32_t)(line.len - reason.len + (size_t)(line.at - ret_head->base));
	ret_head->reason_len = (uint32_t)reason.len;
	ret_head->minor = line.at[7] != '0';
	return FAULT_NONE;
}

/* Parses the first line of a section, if it has one, or the part that is there. */
static enum fault parse_first_line(enum section section, struct str line, bool is_whole,
        const struct http_head_limits *limits, struct http_head *ret_head)
{
	switch (section) {
	case SECTION_REQUEST:
		return parse_request_line(line, is_whole, limits, ret_head);
	case SECTION_RESPONSE:
		return parse_status_line(line, is_whole, ret_head);
	case SECTION_TRAILERS:
		return FAULT_NONE;
	}
	CHECK(false);
}

/* Parses the field line from offset `at` to its CR at offset `end`; false when it is malformed. */
static bool parse_field(const char *base, uint32_t at, uint32_t end, struct http_field *ret_field)
{
	size_t name_len = 0;
	while (http_scan_is_token_byte(base[at + name_len])) /* the CR is none */
		name_len++;
	if (name_len == 0 || base[at + name_len] != ':')
		return false;
	uint32_t value_at = at + (uint32_t)name_len + 1;
	while (is_blank(base[value_at])) /* nor is the CR a blank */
		value_at++;
	while (end > value_at && is_blank(base[end - 1]))
		end--;
	*ret_field = (struct http_field){
	        .name_at = at,
	        .value_at = value_at,
	        .value_len = end - value_at,
	        .name_len = (uint16_t)name_len,
	        .id = (uint16_t)http_name_of(str_make(base + at, name_len)),
	};
	return true;
}

/* Cuts a whole section along its line ends, which are offsets of LFs from base + skip. */
static enum fault parse_whole(enum section section, const struct http_head_limits *limits,
        uint32_t skip, const uint32_t *ends, uint32_t line_count, struct http_head *ret_head)
{
	enum fault malformed = section == SECTION_RESPONSE ? FAULT_MALFORMED : FAULT_BAD_REQUEST;
	uint32_t line = 0, at = skip;
	if (section != SECTION_TRAILERS) {
		struct str first = str_make(ret_head->base + skip, ends[0] - 1);
		enum fault fault = parse_first_line(section, first, true, limits, ret_head);
		if (fault != FAULT_NONE)
			return fault;
		at = skip + ends[0] + 1;
		line = 1;
	}
	uint16_t count = 0;
	uint64_t present = 0;
	for (; line + 1 < line_count; line++) {
		uint32_t end = skip + ends[line];
		struct http_field *field = &ret_head->fields[count];
		if (!parse_field(ret_head->base, at, end - 1, field))
			return malformed;
		present |= (uint64_t)1 << field->id;
		count++;
		at = end + 1;
	}
	ret_head->count = count;
	ret_head->present = present;
	ret_head->len = skip + ends[line] + 1;
	return FAULT_NONE;
}

/* Looks for the one empty line that may stand before a request line. */
static enum http_parse skip_empty_line(struct str bytes, uint32_t *ret_skip)
{
	if (bytes.len == 0 || (bytes.at[0] == '\r' && bytes.len == 1))
		return HTTP_PARSE_MORE;
	if (bytes.at[0] != '\r')
		*ret_skip = 0;
	else if (bytes.at[1] == '\n')
		*ret_skip = 2;
	else
		return HTTP_PARSE_BAD;
	return HTTP_PARSE_DONE;
}

/* Why a section that is not whole, and of which `scan` has read the right part, can still be
 * refused for its first line. Checks it while it grows, and in full when this scan read its end. */
static enum fault check_first_line(enum section section, struct str text,
        const struct http_scan *scan, bool had_line, const uint32_t *ends,
        const struct http_head_limits *limits, struct http_head *head)
{
	if (had_line)
		return FAULT_NONE;
	if (scan->lines > 0)
		return parse_first_line(
		        section, str_make(text.at, ends[0] - 1), true, limits, head);
	/* Behind a CR only an LF can be right, so with the CR the line is whole. */
	struct str line = str_make(text.at, scan->at);
	bool is_whole = line.len > 0 && line.at[line.len - 1] == '\r';
	line.len -= is_whole;
	return parse_first_line(section, line, is_whole, limits, head);
}

/* What is known to be wrong of a section that the scan did not find to be whole. */
static enum fault judge_part(
        enum section section, enum http_scan_event event, bool is_over, enum fault first_line)
{
	enum fault fault = first_line;
	if (fault == FAULT_NONE && event == HTTP_SCAN_BAD)
		fault = FAULT_BAD_REQUEST;
	if (fault == FAULT_NONE && (event == HTTP_SCAN_FULL || is_over))
		fault = section == SECTION_REQUEST ? FAULT_HEAD_TOO_LARGE : FAULT_BAD_REQUEST;
	if (fault != FAULT_NONE && section == SECTION_RESPONSE)
		fault = FAULT_MALFORMED;
	return fault;
}

static enum http_parse parse(enum section section, struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *head, enum fault *ret_fault)
{
	CHECK(limits->head_bytes <= LIMIT_HEAD_BYTES && limits->fields <= LIMIT_HEAD_FIELDS);
	uint32_t skip = 0;
	if (section == SECTION_REQUEST) {
		enum http_parse skipped = skip_empty_line(bytes, &skip);
		if (skipped == HTTP_PARSE_BAD)
			*ret_fault = FAULT_BAD_REQUEST;
		if (skipped != HTTP_PARSE_DONE)
			return skipped;
	}
	bool is_over = bytes.len >= limits->head_bytes;
	size_t seen = is_over ? limits->head_bytes : bytes.len;
	struct str text = str_make(bytes.at + skip, seen > skip ? seen - skip : 0);
	uint32_t field_max = limits->fields < head->capacity ? limits->fields : head->capacity;
	uint32_t line_max = field_max + (section == SECTION_TRAILERS ? 1 : 2);

	uint32_t ends[MAX_LINES];
	struct http_scan scan = {
	        .at = (uint32_t)(*scanned & (((size_t)1 << LINES_SHIFT) - 1)),
	        .lines = (uint32_t)(*scanned >> LINES_SHIFT),
	        .is_fields = section == SECTION_TRAILERS,
	};
	bool had_line = scan.lines > 0, is_resumed = scan.at > 0;
	enum http_scan_event event = http_scan_lines(text, &scan, ends, line_max);
	if (event == HTTP_SCAN_WHOLE && is_resumed) {
		/* The line ends that were found in earlier calls are needed too. */
		scan.at = scan.lines = 0;
		event = http_scan_lines(text, &scan, ends, line_max);
		CHECK(event == HTTP_SCAN_WHOLE);
	}
	enum fault fault;
	head->base = bytes.at;
	if (event == HTTP_SCAN_WHOLE) {
		fault = parse_whole(section, limits, skip, ends, scan.lines, head);
		if (fault == FAULT_NONE)
			return HTTP_PARSE_DONE;
		*ret_fault = fault;
		return HTTP_PARSE_BAD;
	}
	fault = check_first_line(section, text, &scan, had_line, ends, limits, head);
	fault = judge_part(section, event, is_over, fault);
	if (fault != FAULT_NONE) {
		*ret_fault = fault;
		return HTTP_PARSE_BAD;
	}
	*scanned = (size_t)scan.lines << LINES_SHIFT | scan.at;
	return HTTP_PARSE_MORE;
}

enum http_parse http_head_parse_request(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault)
{
	return parse(SECTION_REQUEST, bytes, scanned, limits, ret_head, ret_fault);
}

enum http_parse http_head_parse_response(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault)
{
	return parse(SECTION_RESPONSE, bytes, scanned, limits, ret_head, ret_fault);
}

enum http_parse http_head_parse_trailers(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault)
{
	return parse(SECTION_TRAILERS, bytes, scanned, limits, ret_head, ret_fault);
}

const struct http_field *http_head_find(const struct http_head *head, enum http_name id)
{
	if (!http_head_has(head, id))
		return NULL;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id == id)
			return &head->fields[i];
	}
	return NULL;
}

struct str http_head_get(const struct http_head *head, enum http_name id)
{
	const struct http_field *field = http_head_find(head, id);
	return field == NULL ? STR_EMPTY : http_head_value(head, field);
}

unsigned http_head_count(const struct http_head *head, enum http_name id)
{
	unsigned count = 0;
	if (!http_head_has(head, id))
		return 0;
	for (unsigned i = 0; i < head->count; i++)
		count += head->fields[i].id == id;
	return count;
}

bool http_head_has_token(const struct http_head *head, enum http_name id, struct str token)
{
	if (!http_head_has(head, id))
		return false;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != id)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]), member;
		while (http_head_next_member(&rest, &member)) {
			if (str_is_equal_nocase(member, token))
				return true;
		}
	}
	return false;
}

/* The length of the member at the front: up to a comma outside of quotes. */
static size_t member_length(struct str rest)
{
	bool is_quoted = false;
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.at[i] == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && rest.at[i] == '\\')
			i++;
		else if (!is_quoted && rest.at[i] == ',')
			return i;
	}
	return rest.len;
}

bool http_head_next_member(struct str *rest, struct str *ret_member)
{
	while (rest->len > 0) {
		size_t length = member_length(*rest);
		struct str member = str_trim(str_make(rest->at, length));
		*rest = behind(*rest, length < rest->len ? length + 1 : length);
		if (member.len > 0) {
			*ret_member = member;
			return true;
		}
	}
	return false;
}

enum fault http_head_check_line(
        struct str method, struct str target, const struct http_head_limits *limits)
{
	if (method.len == 0 || method.len > LIMIT_METHOD_BYTES ||
	        http_scan_token(method) != method.len)
		return FAULT_BAD_REQUEST;
	if (target.len > limits->target_bytes)
		return FAULT_URI_TOO_LONG;
	bool is_target = target.len > 0 && http_scan_visible(target) == target.len;
	return is_target ? FAULT_NONE : FAULT_BAD_REQUEST;
}

bool http_head_is_field(struct str name, struct str value)
{
	return http_name_is_valid(name) && http_head_is_value(value);
}

bool http_head_is_value(struct str value)
{
	bool is_trimmed =
	        value.len == 0 || (!is_blank(value.at[0]) && !is_blank(value.at[value.len - 1]));
	return is_trimmed && http_scan_is_text(value);
}

/* The origin-form of the target, and the authority of an absolute one. */
static bool cut_target(const struct http_head *head, struct http_target *to)
{
	struct str target = http_head_target(head);
	if (target.at[0] == '/') {
		to->path = target;
		return str_find(target, '#') < 0;
	}
	if (str_is_equal(target, STR("*"))) {
		to->path = STR("*");
		return head->method == HTTP_OPTIONS;
	}
	struct http_authority authority;
	if (!http_uri_parse_absolute(target, &to->authority, &to->path) ||
	        !http_uri_parse_authority(to->authority, &authority))
		return false;
	to->host = authority.host;
	/* RFC 9112 3.2.4: this is how a client asks a proxy for the options of the whole server. */
	bool has_path = to->path.at == target.at + target.len - to->path.len;
	if (head->method == HTTP_OPTIONS && !has_path)
		to->path = STR("*");
	return true;
}

enum fault http_head_check_request(const struct http_head *head, struct http_target *ret_target)
{
	if (head->method == HTTP_CONNECT || head->method == HTTP_TRACE)
		return FAULT_BAD_METHOD;
	unsigned host_count = http_head_count(head, HTTP_NAME_HOST);
	if (host_count > 1 || (host_count == 0 && head->minor > 0))
		return FAULT_BAD_REQUEST;
	struct http_target target = {.authority = http_head_get(head, HTTP_NAME_HOST)};
	struct http_authority authority = {.port = 0};
	if (host_count == 1 && !http_uri_parse_authority(target.authority, &authority))
		return FAULT_BAD_REQUEST;
	target.host = authority.host;
	if (!cut_target(head, &target))
		return FAULT_BAD_REQUEST;
	enum http_framing framing;
	uint64_t length;
	enum fault fault = http_body_request(head, &framing, &length);
	if (fault != FAULT_NONE)
		return fault;
	*ret_target = target;
	return FAULT_NONE;
}
