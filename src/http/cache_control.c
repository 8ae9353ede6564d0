/*
 * Both spellings, the list of Cache-Control and the dictionary of CDN-Cache-Control, are read into
 * one `struct reading` by one table of directives; the kind of a directive says what a repetition
 * and what a malformed argument do to it. Nothing malformed can hide what stands behind it: a
 * quoted string without its end is read as plain text up to the next comma.
 */
#include "http/cache_control.h"

#include "http/scan_private.h"
#include "http/structured.h"

enum kind {
	LIMIT_ON_US, /* counts also when it is malformed */
	GRANT,       /* counts only when it is right */
	SHORTEST,    /* seconds: the fewest that are said; 0 when malformed */
	LONGEST,     /* seconds: the most that are said; the most there are when malformed */
	OPTIONAL,    /* seconds like SHORTEST; without an argument the most there are */
	NAMES,       /* field names; malformed, or without an argument: the whole response */
};

enum side { REQUEST = 1, RESPONSE = 2, BOTH = 3 };

static const struct {
	struct str name;
	enum kind kind;
	enum side side;
} directives[HTTP_DIRECTIVES] = {
        [HTTP_DIRECTIVE_NO_STORE] = {STR("no-store"), LIMIT_ON_US, BOTH},
        [HTTP_DIRECTIVE_NO_CACHE] = {STR("no-cache"), NAMES, BOTH},
        [HTTP_DIRECTIVE_NO_TRANSFORM] = {STR("no-transform"), LIMIT_ON_US, BOTH},
        [HTTP_DIRECTIVE_MAX_AGE] = {STR("max-age"), SHORTEST, BOTH},
        [HTTP_DIRECTIVE_STALE_IF_ERROR] = {STR("stale-if-error"), SHORTEST, BOTH},
        [HTTP_DIRECTIVE_MIN_FRESH] = {STR("min-fresh"), LONGEST, REQUEST},
        [HTTP_DIRECTIVE_MAX_STALE] = {STR("max-stale"), OPTIONAL, REQUEST},
        [HTTP_DIRECTIVE_ONLY_IF_CACHED] = {STR("only-if-cached"), LIMIT_ON_US, REQUEST},
        [HTTP_DIRECTIVE_S_MAXAGE] = {STR("s-maxage"), SHORTEST, RESPONSE},
        [HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE] = {STR("stale-while-revalidate"), SHORTEST,
                RESPONSE},
        [HTTP_DIRECTIVE_PRIVATE] = {STR("private"), NAMES, RESPONSE},
        [HTTP_DIRECTIVE_PUBLIC] = {STR("public"), GRANT, RESPONSE},
        [HTTP_DIRECTIVE_MUST_REVALIDATE] = {STR("must-revalidate"), LIMIT_ON_US, RESPONSE},
        [HTTP_DIRECTIVE_PROXY_REVALIDATE] = {STR("proxy-revalidate"), LIMIT_ON_US, RESPONSE},
        [HTTP_DIRECTIVE_MUST_UNDERSTAND] = {STR("must-understand"), GRANT, RESPONSE},
        [HTTP_DIRECTIVE_IMMUTABLE] = {STR("immutable"), GRANT, RESPONSE},
};

struct reading {
	uint32_t has;
	uint32_t seconds[HTTP_DIRECTIVES];
	struct http_cache_control_names no_cache, private;
};

/* One directive as it was written. */
struct written {
	struct str name, argument;
	bool has_argument;
	bool is_broken; /* not as the grammar says; the argument does not count */
};

static enum http_directive directive_of(struct str name, enum side side)
{
	unsigned id = 0;
	while (id < HTTP_DIRECTIVES && (!str_is_equal_nocase(name, directives[id].name) ||
	                                       (directives[id].side & side) == 0))
		id++;
	return (enum http_directive)id;
}

static void note_seconds(struct reading *reading, enum http_directive id, uint32_t seconds)
{
	uint32_t *said = &reading->seconds[id];
	bool is_further = directives[id].kind == LONGEST ? seconds > *said : seconds < *said;
	if (!http_cache_control_has(reading->has, id) || is_further)
		*said = seconds;
	reading->has |= 1u << id;
}

/* Whether the text is a list of at least one field name. */
static bool is_name_list(struct str text)
{
	unsigned count = 0;
	while (text.len > 0) {
		struct str name = str_trim(str_cut(&text, ','));
		if (name.len == 0)
			continue;
		if (!http_name_is_valid(name))
			return false;
		count++;
	}
	return count > 0;
}

/* An empty list is the whole response. Once that was said it stays so. */
static void note_names(struct reading *reading, enum http_directive id, struct str list)
{
	struct http_cache_control_names *names =
	        id == HTTP_DIRECTIVE_PRIVATE ? &reading->private : &reading->no_cache;
	bool is_whole = http_cache_control_has(reading->has, id) && names->count == 0;
	reading->has |= 1u << id;
	if (is_whole || !is_name_list(list) || names->count == HTTP_CACHE_CONTROL_LISTS)
		names->count = 0;
	else
		names->lists[names->count++] = list;
}

/* The seconds of an argument that is none. */
static uint32_t broken_seconds(enum http_directive id)
{
	return directives[id].kind == LONGEST ? HTTP_CACHE_CONTROL_MAX_S : 0;
}

static void note_written(
        struct reading *reading, enum http_directive id, const struct written *written)
{
	uint32_t seconds = broken_seconds(id);
	switch (directives[id].kind) {
	case LIMIT_ON_US:
		reading->has |= 1u << id;
		break;
	case GRANT:
		if (!written->is_broken)
			reading->has |= 1u << id;
		break;
	case OPTIONAL:
		if (!written->has_argument && !written->is_broken) {
			note_seconds(reading, id, HTTP_CACHE_CONTROL_MAX_S);
			break;
		}
		/* fall through */
	case SHORTEST:
	case LONGEST:
		if (written->is_broken ||
		        !http_cache_control_parse_seconds(written->argument, &seconds))
			seconds = broken_seconds(id);
		note_seconds(reading, id, seconds);
		break;
	case NAMES:
		note_names(reading, id, written->is_broken ? STR_EMPTY : written->argument);
		break;
	}
}

static bool is_white(char byte)
{
	return byte == ' ' || byte == '\t';
}

static size_t skip_white(struct str text, size_t at)
{
	while (at < text.len && is_white(text.at[at]))
		at++;
	return at;
}

/* The index of the first comma at or behind `at`, or the length. */
static size_t find_comma(struct str text, size_t at)
{
	while (at < text.len && text.at[at] != ',')
		at++;
	return at;
}

/* The index of the quote that ends the quoted string whose first byte is at `at`, or the length. */
static size_t find_quote(struct str text, size_t at)
{
	while (at < text.len && text.at[at] != '"')
		at += text.at[at] == '\\' ? 2 : 1;
	return at < text.len ? at : text.len;
}

/* Reads what stands behind the "=", which is at `at` - 1; returns where the directive ends. */
static size_t read_argument(struct str text, size_t at, struct written *written)
{
	written->has_argument = true;
	if (at < text.len && text.at[at] == '"') {
		size_t close = find_quote(text, at + 1);
		size_t behind = skip_white(text, close + 1);
		if (close < text.len && (behind >= text.len || text.at[behind] == ',')) {
			written->argument = str_make(text.at + at + 1, close - at - 1);
			return behind;
		}
	}
	size_t end = find_comma(text, at);
	written->argument = str_trim(str_make(text.at + at, end - at));
	written->is_broken |= at < end && is_white(text.at[at]);
	written->is_broken |= http_scan_token(written->argument) != written->argument.len;
	return end;
}

/* Takes the next directive off *rest; false at the end. Its name is empty where there is none. */
static bool next_written(struct str *rest, struct written *ret_written)
{
	struct str text = *rest;
	size_t at = 0;
	while (at < text.len && (text.at[at] == ',' || is_white(text.at[at])))
		at++;
	if (at == text.len)
		return false;
	text = str_make(text.at + at, text.len - at);
	struct written written = {.name = str_make(text.at, http_scan_token(text))};
	at = skip_white(text, written.name.len);
	if (at < text.len && text.at[at] == '=') {
		written.is_broken = at != written.name.len;
		at = read_argument(text, at + 1, &written);
	} else if (at < text.len && text.at[at] != ',') {
		written.is_broken = true;
		at = find_comma(text, at);
	}
	*rest = str_make(text.at + at, text.len - at);
	*ret_written = written;
	return true;
}

/* All lines of Cache-Control. */
static void read_list(const struct http_head *head, enum side side, struct reading *reading)
{
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_CACHE_CONTROL)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]);
		struct written written;
		while (next_written(&rest, &written)) {
			enum http_directive id = directive_of(written.name, side);
			if (id != HTTP_DIRECTIVES)
				note_written(reading, id, &written);
		}
	}
}

/* A member of the dictionary (RFC 9213 section 2.1). False switches a directive off; what is of
 * another type than the directive's is read in the restrictive way. */
static void note_member(
        struct reading *reading, enum http_directive id, const struct http_structured_value *value)
{
	bool is_boolean = value->type == HTTP_STRUCTURED_BOOLEAN;
	bool is_text =
	        value->type == HTTP_STRUCTURED_STRING || value->type == HTTP_STRUCTURED_TOKEN;
	uint32_t seconds = broken_seconds(id);
	reading->has &= ~(1u << id);
	if (is_boolean && !value->boolean)
		return;
	switch (directives[id].kind) {
	case LIMIT_ON_US:
		reading->has |= 1u << id;
		break;
	case GRANT:
		if (is_boolean)
			reading->has |= 1u << id;
		break;
	case SHORTEST:
	case LONGEST:
	case OPTIONAL:
		if (value->type == HTTP_STRUCTURED_INTEGER && value->number >= 0)
			seconds = value->number < HTTP_CACHE_CONTROL_MAX_S
			                  ? (uint32_t)value->number
			                  : HTTP_CACHE_CONTROL_MAX_S;
		note_seconds(reading, id, seconds);
		break;
	case NAMES:
		*(id == HTTP_DIRECTIVE_PRIVATE ? &reading->private : &reading->no_cache) =
		        (struct http_cache_control_names){0};
		note_names(reading, id, is_text ? value->text : STR_EMPTY);
		break;
	}
}

/*
 * All lines of CDN-Cache-Control; false where they do not count: malformed, or empty. They are one
 * text with commas between the lines (RFC 8941 4.2), so that an empty line beside another is
 * malformed; so is, for us, what goes on from one line into the next.
 */
static bool read_dictionary(const struct http_head *head, struct reading *reading)
{
	unsigned lines = http_head_count(head, HTTP_NAME_CDN_CACHE_CONTROL), members = 0;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_CDN_CACHE_CONTROL)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]), key;
		if (rest.len == 0 && lines > 1)
			return false;
		for (;;) {
			struct http_structured_value value;
			enum http_structured_event event =
			        http_structured_next_member(&rest, &key, &value);
			if (event == HTTP_STRUCTURED_BAD)
				return false;
			if (event == HTTP_STRUCTURED_END)
				break;
			members++;
			enum http_directive id = directive_of(key, RESPONSE);
			if (id != HTTP_DIRECTIVES)
				note_member(reading, id, &value);
		}
	}
	return members > 0;
}

/* Cache-Control, or else Pragma: no-cache. */
static void read_untargeted(const struct http_head *head, enum side side, struct reading *reading)
{
	if (http_head_has(head, HTTP_NAME_CACHE_CONTROL))
		read_list(head, side, reading);
	else if (http_head_has_token(head, HTTP_NAME_PRAGMA, STR("no-cache")))
		reading->has = 1u << HTTP_DIRECTIVE_NO_CACHE;
}

void http_cache_control_read_request(
        const struct http_head *head, struct http_cache_control_request *ret_control)
{
	struct reading reading = {0};
	read_untargeted(head, REQUEST, &reading);
	*ret_control = (struct http_cache_control_request){
	        .has = reading.has,
	        .max_age_s = reading.seconds[HTTP_DIRECTIVE_MAX_AGE],
	        .min_fresh_s = reading.seconds[HTTP_DIRECTIVE_MIN_FRESH],
	        .max_stale_s = reading.seconds[HTTP_DIRECTIVE_MAX_STALE],
	        .stale_if_error_s = reading.seconds[HTTP_DIRECTIVE_STALE_IF_ERROR],
	};
}

void http_cache_control_of_response(
        const struct http_head *head, struct http_cache_control_response *ret_control)
{
	struct reading reading = {0};
	bool is_targeted =
	        http_head_has(head, HTTP_NAME_CDN_CACHE_CONTROL) && read_dictionary(head, &reading);
	if (!is_targeted) {
		reading = (struct reading){0};
		read_untargeted(head, RESPONSE, &reading);
	}
	*ret_control = (struct http_cache_control_response){
	        .has = reading.has,
	        .max_age_s = reading.seconds[HTTP_DIRECTIVE_MAX_AGE],
	        .s_maxage_s = reading.seconds[HTTP_DIRECTIVE_S_MAXAGE],
	        .stale_while_revalidate_s = reading.seconds[HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE],
	        .stale_if_error_s = reading.seconds[HTTP_DIRECTIVE_STALE_IF_ERROR],
	        .is_targeted = is_targeted,
	        .no_cache = reading.no_cache,
	        .private = reading.private,
	};
}

bool http_cache_control_next_name(const struct http_cache_control_names *names, unsigned *list,
        struct str *rest, struct str *ret_name)
{
	for (;;) {
		while (rest->len > 0) {
			struct str name = str_trim(str_cut(rest, ','));
			if (name.len > 0) {
				*ret_name = name;
				return true;
			}
		}
		if (*list == names->count)
			return false;
		*rest = names->lists[(*list)++];
	}
}

bool http_cache_control_parse_seconds(struct str text, uint32_t *ret_s)
{
	uint64_t seconds = 0;
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		seconds = seconds * 10 + (uint64_t)(text.at[i] - '0');
		if (seconds > HTTP_CACHE_CONTROL_MAX_S)
			seconds = HTTP_CACHE_CONTROL_MAX_S;
	}
	*ret_s = (uint32_t)seconds;
	return true;
}
