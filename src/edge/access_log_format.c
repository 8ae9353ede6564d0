/*
 * An entry as a JSON line.
 *
 * The line is written straight to where it will lie, with one cursor and no checks of room on the
 * way: every field has a share of LIMIT_LOG_LINE_BYTES, which the assertion below adds up. Text
 * that needs no escape, and that is nearly all of it, is tested and copied eight bytes at a time.
 */
#include "edge/access_log_private.h"
#include "edge/attempts.h"

#include "base/check.h"

/* The most bytes that a field may take in the line, quotes included. */
enum {
	SHARE_FIXED = 640, /* names of fields, numbers, times, words from our own tables */
	SHARE_NAME = 1600, /* domain, host: LIMIT_HOST_BYTES times six and more */
	SHARE_METHOD = 256,
	SHARE_TARGET = 16800,
	SHARE_WORD = 64,
	SHARE_ATTEMPT = 488,
	SHARE_DETAIL = 160, /* in it */
	ATTEMPTS_SHOWN = EDGE_ATTEMPTS_MAX,
};
_Static_assert(SHARE_FIXED + 2 * SHARE_NAME + SHARE_METHOD + SHARE_TARGET + SHARE_WORD +
                               ATTEMPTS_SHOWN * SHARE_ATTEMPT <=
                       (int)LIMIT_LOG_LINE_BYTES,
        "a line has room for its fields");

#define PUT(at, literal) put_bytes((at), (literal), sizeof(literal) - 1)

static char *put_bytes(char *at, const char *bytes, size_t count)
{
	memcpy(at, bytes, count);
	return at + count;
}

static char *put_word(char *at, const char *word)
{
	return put_bytes(at, word, strlen(word));
}

static char *put_number(char *at, uint64_t number)
{
	char digits[20];
	char *first = digits + sizeof(digits);
	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	return put_bytes(at, first, (size_t)(digits + sizeof(digits) - first));
}

/* Microseconds as milliseconds with three digits behind the point. */
static char *put_ms(char *at, uint64_t us)
{
	unsigned rest = (unsigned)(us % 1000);
	at = put_number(at, us / 1000);
	*at++ = '.';
	*at++ = (char)('0' + rest / 100);
	*at++ = (char)('0' + rest / 10 % 10);
	*at++ = (char)('0' + rest % 10);
	return at;
}

static char *put_hex(char *at, uint64_t number)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[number >> shift & 15];
	return at;
}

/* A bit is set in the result when one of the eight bytes is a control byte, a quote, a backslash or
 * no ASCII. Which one it is may be wrong, but never that there is one (Warren, Hacker's Delight,
 * 6-1). */
static uint64_t find_special(uint64_t bytes)
{
	const uint64_t ones = 0x0101010101010101, tops = ones << 7;
	uint64_t quote = bytes ^ ones * '"', backslash = bytes ^ ones * '\\',
	         del = bytes ^ ones * 0x7f;
	uint64_t found = bytes | ((bytes - ones * 0x20) & ~bytes) | ((quote - ones) & ~quote) |
	                 ((backslash - ones) & ~backslash) | ((del - ones) & ~del);
	return found & tops;
}

static bool is_plain(struct str s)
{
	uint64_t word, special = 0;
	for (; s.len >= sizeof(word); s = str_make(s.at + sizeof(word), s.len - sizeof(word))) {
		memcpy(&word, s.at, sizeof(word));
		special |= find_special(word);
	}
	memset(&word, 'a', sizeof(word));
	if (s.len != 0)
		memcpy(&word, s.at, s.len);
	return (special | find_special(word)) == 0;
}

/* A JSON string of at most `share` bytes. */
static char *put_string(
        char *at, struct str s, size_t share, struct edge_access_log_scratch *scratch)
{
	const struct str ellipsis = STR("\xe2\x80\xa6");
	size_t room = share - 2 - ellipsis.len;
	if (is_plain(s)) {
		*at++ = '"';
		if (s.len <= room) {
			if (s.len != 0)
				at = put_bytes(at, s.at, s.len);
		} else {
			at = put_bytes(at, s.at, room);
			at = put_bytes(at, ellipsis.at, ellipsis.len);
		}
		*at++ = '"';
		return at;
	}
	text_clear(&scratch->escaped);
	text_add_json(&scratch->escaped, s);
	if (scratch->escaped.len <= share)
		return put_bytes(at, scratch->escaped.at, scratch->escaped.len);
	/* No byte becomes more than six. */
	text_clear(&scratch->escaped);
	text_add_json(&scratch->escaped, str_make(s.at, s.len < room / 6 ? s.len : room / 6));
	at = put_bytes(at, scratch->escaped.at, scratch->escaped.len - 1);
	at = put_bytes(at, ellipsis.at, ellipsis.len);
	*at++ = '"';
	return at;
}

static char *put_time(char *at, uint64_t wall_ms, struct edge_access_log_scratch *scratch)
{
	enum { MS_AT = 20 }; /* 2026-11-23T22:20:00.123Z */
	if (scratch->time[0] == '\0' || scratch->second != wall_ms / 1000) {
		clock_format_iso(wall_ms, scratch->time);
		scratch->second = wall_ms / 1000;
	}
	char *ms = scratch->time + MS_AT;
	ms[0] = (char)('0' + wall_ms % 1000 / 100);
	ms[1] = (char)('0' + wall_ms % 100 / 10);
	ms[2] = (char)('0' + wall_ms % 10);
	return put_bytes(at, scratch->time, CLOCK_ISO_BYTES - 1);
}

static char *put_fault(char *at, uint8_t fault)
{
	return put_word(at, fault_name((enum fault)fault));
}

bool edge_access_log_is_resumed(const struct edge_log_attempt *attempts, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (attempts[i].next == EDGE_LOG_RESUME)
			return true;
	return false;
}

/* Which bytes of the body it gave. */
static char *put_part(char *at, const struct edge_log_attempt *attempt)
{
	at = PUT(at, ",\"first\":");
	at = put_number(at, attempt->from);
	at = PUT(at, ",\"last\":");
	return put_number(at, attempt->to - 1);
}

static char *put_attempt(char *at, const struct edge_log_attempt *attempt, bool is_part,
        struct edge_access_log_scratch *scratch)
{
	static const char *const NEXT[] = {
	        [EDGE_LOG_DELIVER] = "deliver",
	        [EDGE_LOG_BACKUP_NEXT] = "backup",
	        [EDGE_LOG_ADDRESS] = "address",
	        [EDGE_LOG_FRESH] = "fresh",
	        [EDGE_LOG_CLOCK] = "clock",
	        [EDGE_LOG_RESUME] = "resume",
	        [EDGE_LOG_KEPT] = "kept",
	        [EDGE_LOG_LATE] = "late",
	        [EDGE_LOG_FAIL] = "fail",
	};
	char address[ADDRESS_TEXT_BYTES];
	CHECK(attempt->next < ARRAY_LENGTH(NEXT) && strlen(attempt->phase) < SHARE_WORD);
	at = PUT(at, "{\"role\":\"");
	at = put_word(at, attempt->role == EDGE_LOG_BACKUP ? "backup" : "master");
	at = PUT(at, "\",\"address\":\"");
	at = put_word(at, address_format(&attempt->address, address));
	at = PUT(at, "\",\"phase\":\"");
	at = put_word(at, attempt->phase);
	at = PUT(at, "\",\"status\":");
	at = put_number(at, attempt->status);
	at = PUT(at, ",\"reason\":\"");
	at = put_fault(at, attempt->reason);
	at = PUT(at, "\"");
	if (attempt->detail.len > 0) {
		at = PUT(at, ",\"detail\":");
		at = put_string(at, attempt->detail, SHARE_DETAIL, scratch);
	}
	at = PUT(at, ",\"ms\":");
	at = put_ms(at, attempt->us);
	if (is_part && attempt->to > attempt->from)
		at = put_part(at, attempt);
	if (attempt->is_unsure)
		at = PUT(at, ",\"unsure\":true");
	at = attempt->is_reused ? PUT(at, ",\"reused\":true") : PUT(at, ",\"reused\":false");
	at = PUT(at, ",\"next\":\"");
	at = put_word(at, NEXT[attempt->next]);
	return PUT(at, "\"}");
}

size_t edge_access_log_format_line(
        const struct edge_log_entry *entry, struct edge_access_log_scratch *scratch, char *to)
{
	static const char *const END[] = {
	        [EDGE_LOG_COMPLETE] = "complete",
	        [EDGE_LOG_TRUNCATED] = "truncated",
	        [EDGE_LOG_ABORTED] = "aborted",
	};
	char client[ADDRESS_TEXT_BYTES];
	CHECK(entry->end < ARRAY_LENGTH(END) && strlen(entry->cache) < SHARE_WORD);
	char *at = PUT(to, "{\"time\":\"");
	at = put_time(at, entry->wall_ms, scratch);
	at = PUT(at, "\",\"id\":\"");
	at = put_hex(at, entry->id);
	at = PUT(at, "\",\"client\":\"");
	at = put_word(at, address_format_ip(&entry->client, client));
	at = PUT(at, "\",\"domain\":");
	at = put_string(at, entry->domain, SHARE_NAME, scratch);
	at = PUT(at, ",\"host\":");
	at = put_string(at, entry->host, SHARE_NAME, scratch);
	at = PUT(at, ",\"method\":");
	at = put_string(at, entry->method, SHARE_METHOD, scratch);
	at = PUT(at, ",\"path\":");
	at = put_string(at, entry->target, SHARE_TARGET, scratch);
	at = PUT(at, ",\"protocol\":\"HTTP/");
	at = put_word(at, entry->is_h2 ? "2.0" : entry->minor > 0 ? "1.1" : "1.0");
	at = PUT(at, "\",\"status\":");
	at = put_number(at, entry->status);
	at = PUT(at, ",\"cache\":\"");
	at = put_word(at, entry->cache);
	at = PUT(at, "\",\"bytes_in\":");
	at = put_number(at, entry->bytes_in);
	at = PUT(at, ",\"bytes_out\":");
	at = put_number(at, entry->bytes_out);
	at = PUT(at, ",\"ms\":");
	at = put_ms(at, entry->us);
	at = PUT(at, ",\"fault\":\"");
	at = put_fault(at, entry->fault);
	at = PUT(at, "\",\"end\":\"");
	at = put_word(at, END[entry->end]);
	at = PUT(at, "\",\"attempts\":[");
	bool has_parts = edge_access_log_is_resumed(entry->attempts, entry->attempt_count);
	for (unsigned i = 0; i < entry->attempt_count && i < ATTEMPTS_SHOWN; i++) {
		if (i != 0)
			*at++ = ',';
		at = put_attempt(at, &entry->attempts[i], has_parts, scratch);
	}
	at = PUT(at, "]}\n");
	CHECK(at - to <= (ptrdiff_t)LIMIT_LOG_LINE_BYTES);
	return (size_t)(at - to);
}

void edge_access_log_format(const struct edge_log_entry *entry, struct text *to)
{
	struct edge_access_log_scratch scratch = {0};
	char line[LIMIT_LOG_LINE_BYTES];
	text_add(to, str_make(line, edge_access_log_format_line(entry, &scratch, line)));
	text_done(&scratch.escaped);
}
