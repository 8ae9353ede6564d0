/*
 * The table is a ring of entries, and their text is written one behind the other; where it ends
 * nothing is moved to its front until the next entry has no room. All entries with the same id are
 * chained, the newest first, and all names that are not known by number are one chain. A chain is
 * not mended when an entry leaves: who follows it sees that an entry is of another id, or newer
 * than the one before, or gone.
 *
 * What is remembered: a value whose name has no entry yet, but for names whose values are each
 * object's own; else what comes a second time, as told by a mark of 16 bits. So a response that is
 * sent over and over is one byte for each field, and many different ones do not push out what they
 * have in common. What is remembered is sent once and may take time: it is squeezed. What opens
 * doors is never remembered, here or by anybody on the way (RFC 7541 section 7.1.3).
 */
#include "serve/h2_pack.h"

#include "http/head.h"
#include "serve/h2_huffman.h"

enum {
	STATIC_ENTRIES = 61, /* RFC 7541 appendix A */
	STATIC_STATUS = 8,   /* :status 200 */
	INDEXED = 0x80,
	HUFFMAN = 0x80,       /* in front of a length */
	WITH_INDEXING = 0x40, /* a literal that is remembered */
	TABLE_SIZE = 0x20,
	NEVER_INDEXED = 0x10,
	WITHOUT_INDEXING = 0x00,
	NOWHERE = 0xff,
	OTHER_KEY = HTTP_NAME_OTHER + 1, /* in keys, in place of the id */
	NO_KEY = UINT16_MAX,             /* of what is no entry any more, or not yet */
};

_Static_assert((SERVE_H2_PACK_ENTRIES & (SERVE_H2_PACK_ENTRIES - 1)) == 0, "a ring by masks");
_Static_assert(STATIC_ENTRIES + SERVE_H2_PACK_ENTRIES < 0x7f, "an index is one byte");
_Static_assert((int)SERVE_H2_PACK_INDEXED == (int)INDEXED + STATIC_ENTRIES + 1, "it is the newest");
_Static_assert((int)SERVE_H2_PACK_TEXT_BYTES < 1 << 10, "a length and a place have ten bits");
_Static_assert((int)SERVE_H2_PACK_ENTRIES <= 1 << 5, "a place in the ring has five");
_Static_assert((int)OTHER_KEY < 1 << 6, "an id has six");

/* The names of RFC 7541 appendix A, as far as responses have them. */
static const uint8_t static_names[SERVE_H2_PACK_NAMES] = {
        [HTTP_NAME_ACCEPT_RANGES] = 18,
        [HTTP_NAME_AGE] = 21,
        [HTTP_NAME_AUTHORIZATION] = 23,
        [HTTP_NAME_CACHE_CONTROL] = 24,
        [HTTP_NAME_CONTENT_ENCODING] = 26,
        [HTTP_NAME_CONTENT_LENGTH] = 28,
        [HTTP_NAME_CONTENT_LOCATION] = 29,
        [HTTP_NAME_CONTENT_RANGE] = 30,
        [HTTP_NAME_CONTENT_TYPE] = 31,
        [HTTP_NAME_COOKIE] = 32,
        [HTTP_NAME_DATE] = 33,
        [HTTP_NAME_ETAG] = 34,
        [HTTP_NAME_EXPIRES] = 36,
        [HTTP_NAME_LAST_MODIFIED] = 44,
        [HTTP_NAME_LOCATION] = 46,
        [HTTP_NAME_PROXY_AUTHENTICATE] = 48,
        [HTTP_NAME_SERVER] = 54,
        [HTTP_NAME_SET_COOKIE] = 55,
        [HTTP_NAME_VARY] = 59,
        [HTTP_NAME_VIA] = 60,
};

static const struct {
	struct str name;
	uint8_t index;
} other_static_names[] = {
        {STR("access-control-allow-origin"), 20},
        {STR("allow"), 22},
        {STR("content-disposition"), 25},
        {STR("content-language"), 27},
        {STR("link"), 45},
        {STR("refresh"), 52},
        {STR("retry-after"), 53},
        {STR("strict-transport-security"), 56},
        {STR("www-authenticate"), 61},
};

#define BIT(id) (UINT64_C(1) << HTTP_NAME_##id)

/* Each object, or each second, has its own. */
static const uint64_t own_values = BIT(AGE) | BIT(CACHE_STATUS) | BIT(CACHE_TAG) |
                                   BIT(CONTENT_LENGTH) | BIT(CONTENT_LOCATION) |
                                   BIT(CONTENT_RANGE) | BIT(DATE) | BIT(ETAG) | BIT(EXPIRES) |
                                   BIT(LAST_MODIFIED) | BIT(LOCATION) | BIT(SERVER_TIMING) |
                                   BIT(SURROGATE_KEY) | BIT(X_HEADWATER_ERROR);

static const uint64_t secrets = BIT(AUTHORIZATION) | BIT(COOKIE) | BIT(PROXY_AUTHENTICATE) |
                                BIT(PROXY_AUTHENTICATION_INFO) | BIT(PROXY_AUTHORIZATION) |
                                BIT(SET_COOKIE);

/* ---- the table ---- */

static unsigned size_of(size_t name_len, size_t value_len)
{
	return (unsigned)(name_len + value_len + SERVE_H2_PACK_ENTRY_BYTES);
}

static struct serve_h2_pack_entry *entry_of(struct serve_h2_pack *pack, unsigned age)
{
	return &pack->entries[(pack->newest - age) & (SERVE_H2_PACK_ENTRIES - 1)];
}

static uint64_t key_of(enum http_name id, size_t value_len)
{
	return serve_h2_pack_key(id == HTTP_NAME_OTHER ? OTHER_KEY : id, value_len);
}

static unsigned value_len_of(const struct serve_h2_pack_entry *entry)
{
	return entry->key >> 6;
}

/* What the text has of a name. */
static unsigned name_len_of(const struct serve_h2_pack_entry *entry)
{
	return (entry->key & 0x3f) == OTHER_KEY
	               ? entry->size - SERVE_H2_PACK_ENTRY_BYTES - value_len_of(entry)
	               : 0U;
}

static void evict(struct serve_h2_pack *pack, unsigned limit)
{
	while (pack->bytes > limit) {
		struct serve_h2_pack_entry *oldest = entry_of(pack, pack->count - 1U);
		pack->bytes -= oldest->size;
		pack->count--;
		oldest->key = NO_KEY;
	}
}

/* Makes room for so much text at the end, which there is in all: the table has as much for what is
 * in it. */
static void make_room(struct serve_h2_pack *pack, size_t bytes)
{
	if (pack->end + bytes <= sizeof(pack->text))
		return;
	unsigned first = pack->count == 0 ? pack->end : entry_of(pack, pack->count - 1U)->at;
	memmove(pack->text, pack->text + first, pack->end - first);
	for (unsigned age = 0; age < pack->count; age++)
		entry_of(pack, age)->at -= (uint16_t)first;
	pack->end -= (uint16_t)first;
}

static void remember(
        struct serve_h2_pack *pack, enum http_name id, struct str name, struct str value)
{
	unsigned size = size_of(name.len, value.len);
	struct str text = id == HTTP_NAME_OTHER ? name : STR_EMPTY;
	evict(pack, pack->limit - size);
	make_room(pack, text.len + value.len);
	struct serve_h2_pack_entry *entry = entry_of(pack, (unsigned)-1);
	*entry = (struct serve_h2_pack_entry){
	        .key = (uint16_t)key_of(id, value.len),
	        .size = (uint16_t)size,
	        .at = pack->end & 0x3ff,
	        .older = pack->last[id] & 0x1f,
	};
	str_copy_lower(pack->text + pack->end, text);
	if (value.len > 0)
		memcpy(pack->text + pack->end + text.len, value.at, value.len);
	pack->end += (uint16_t)(text.len + value.len);
	pack->newest = (uint8_t)(entry - pack->entries);
	pack->last[id] = pack->newest;
	pack->bytes += (uint16_t)size;
	pack->count++;
}

/* What was found of a field: the ages of entries, or NOWHERE. */
struct found {
	unsigned whole, named; /* with this value; the newest with this name */
};

static struct found find(
        const struct serve_h2_pack *pack, enum http_name id, struct str name, struct str value)
{
	struct found found = {NOWHERE, NOWHERE};
	uint64_t key = key_of(id, value.len);
	size_t name_len = id == HTTP_NAME_OTHER ? name.len : 0;
	unsigned slot = pack->last[id], least = 0;
	for (;;) {
		const struct serve_h2_pack_entry *entry = &pack->entries[slot];
		unsigned age = serve_h2_pack_age(pack, slot);
		if (age < least || age >= pack->count || ((entry->key ^ key) & 0x3f) != 0)
			return found;
		const char *text = pack->text + entry->at;
		bool is_named =
		        name_len_of(entry) == name_len &&
		        str_is_equal_nocase(str_make(text, name_len), str_make(name.at, name_len));
		if (is_named && found.named == NOWHERE)
			found.named = age;
		if (is_named && entry->key == key &&
		        serve_h2_pack_is_same(text + name_len, value.at, value.len)) {
			found.whole = age;
			return found;
		}
		least = age + 1;
		slot = entry->older;
	}
}

/* A mark of the value: of 16 bits, and not 0. */
static uint16_t mark_of(struct str value)
{
	uint64_t word = 0;
	size_t length = value.len < sizeof(word) ? value.len : sizeof(word);
	if (length > 0)
		memcpy(&word, value.at + value.len - length, length);
	word = (word ^ value.len) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint16_t)(word >> 48 | 1);
}

/* Whether the value has come before, and was not remembered: of an object's own, as the last one of
 * its name, else lately. */
static bool is_second(struct serve_h2_pack *pack, enum http_name id, struct str value)
{
	uint16_t mark = mark_of(value);
	unsigned at = own_values >> id & 1 ? (unsigned)id : (mark >> 1) + (unsigned)id;
	uint16_t *seen = &pack->seen[at % SERVE_H2_PACK_SEEN];
	bool is_seen = *seen == mark;
	*seen = mark;
	return is_seen;
}

static bool is_worth(struct serve_h2_pack *pack, enum http_name id, struct str name,
        struct str value, const struct found *found)
{
	bool is_large = size_of(name.len, value.len) > pack->limit / 4U * 3;
	bool is_first = found->named == NOWHERE && !(own_values >> id & 1);
	return !is_large && (is_first || is_second(pack, id, value));
}

/* ---- bytes ---- */

static void put(struct http_writer *block, struct str bytes)
{
	if (bytes.len > 0)
		memcpy(block->at, bytes.at, bytes.len);
	block->at += bytes.len;
}

/* An integer behind `bits` of a kind, in what they leave of a byte (RFC 7541 section 5.1). */
static void put_number(struct http_writer *block, unsigned bits, unsigned kind, size_t number)
{
	unsigned most = 0xffU >> bits;
	if (number < most) {
		*block->at++ = (char)(kind | number);
		return;
	}
	*block->at++ = (char)(kind | most);
	for (number -= most; number >= 0x80; number >>= 7)
		*block->at++ = (char)(0x80 | (number & 0x7f));
	*block->at++ = (char)number;
}

static void put_text(struct http_writer *block, struct str text)
{
	put_number(block, 1, 0, text.len);
	put(block, text);
}

/* The same, in the Huffman code where that is shorter. */
static void put_squeezed(struct http_writer *block, struct str text)
{
	size_t size = serve_h2_huffman_size(text);
	if (size >= text.len) {
		put_text(block, text);
		return;
	}
	put_number(block, 1, HUFFMAN, size);
	block->at = serve_h2_huffman_write(text, block->at);
}

/* Where either table has the name, or 0. */
static unsigned index_of(enum http_name id, struct str name, const struct found *found)
{
	if (static_names[id] != 0)
		return static_names[id];
	if (found->named != NOWHERE)
		return STATIC_ENTRIES + 1 + found->named;
	for (unsigned i = 0; id == HTTP_NAME_OTHER && i < ARRAY_LENGTH(other_static_names); i++)
		if (str_is_equal_nocase(other_static_names[i].name, name))
			return other_static_names[i].index;
	return 0;
}

static void put_literal(struct serve_h2_pack *pack, struct http_writer *block, enum http_name id,
        struct str name, struct str value, const struct found *found)
{
	if (id != HTTP_NAME_OTHER)
		name = http_name_text(id);
	CHECK(http_head_is_field(name, str_trim(value)));
	CHECK(name.len <= UINT16_MAX && value.len <= UINT16_MAX);
	bool is_secret = (secrets >> id & 1) != 0;
	bool is_kept = !is_secret && is_worth(pack, id, name, value, found);
	unsigned index = index_of(id, name, found);
	if (is_kept)
		put_number(block, 2, WITH_INDEXING, index);
	else
		put_number(block, 4, is_secret ? NEVER_INDEXED : WITHOUT_INDEXING, index);
	if (index == 0) {
		put_number(block, 1, 0, name.len);
		str_copy_lower(block->at, name);
		block->at += name.len;
	}
	if (!is_kept) {
		put_text(block, value);
		return;
	}
	put_squeezed(block, value);
	remember(pack, id, name, value);
}

static void check_room(const struct http_writer *block, size_t bytes)
{
	CHECK((size_t)(block->end - block->at) >= bytes);
}

/* ---- */

void serve_h2_pack_init(struct serve_h2_pack *pack)
{
	memset(pack, 0, offsetof(struct serve_h2_pack, text));
	pack->limit = pack->lowest = LIMIT_H2_ENCODER_BYTES;
	pack->is_limited = true;
	for (unsigned i = 0; i < SERVE_H2_PACK_ENTRIES; i++)
		pack->entries[i].key = NO_KEY;
}

void serve_h2_pack_limit(struct serve_h2_pack *pack, uint32_t allowed)
{
	unsigned limit = allowed < LIMIT_H2_ENCODER_BYTES ? allowed : LIMIT_H2_ENCODER_BYTES;
	if (!pack->is_limited || limit < pack->lowest)
		pack->lowest = (uint16_t)limit;
	pack->limit = (uint16_t)limit;
	pack->is_limited = true;
	evict(pack, limit);
}

void serve_h2_pack_begin(struct serve_h2_pack *pack, struct http_writer *block)
{
	check_room(block, SERVE_H2_PACK_BEGIN_ROOM);
	if (!pack->is_limited)
		return;
	pack->is_limited = false;
	if (pack->lowest < pack->limit)
		put_number(block, 3, TABLE_SIZE, pack->lowest);
	put_number(block, 3, TABLE_SIZE, pack->limit);
}

void serve_h2_pack_status(struct http_writer *block, unsigned status)
{
	static const uint16_t known[] = {200, 204, 206, 304, 400, 404, 500};
	CHECK(status >= 100 && status <= 999);
	check_room(block, SERVE_H2_PACK_STATUS_ROOM);
	for (unsigned i = 0; i < ARRAY_LENGTH(known); i++) {
		if (known[i] == status) {
			*block->at++ = (char)(INDEXED | (STATIC_STATUS + i));
			return;
		}
	}
	const char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
	        (char)('0' + status % 10)};
	put_number(block, 4, WITHOUT_INDEXING, STATIC_STATUS);
	put_text(block, str_make(digits, sizeof(digits)));
}

void serve_h2_pack_search(struct serve_h2_pack *pack, struct http_writer *block, enum http_name id,
        struct str name, struct str value)
{
	check_room(block, name.len + value.len + SERVE_H2_PACK_FIELD_ROOM);
	struct found found = find(pack, id, name, value);
	if (found.whole != NOWHERE)
		*block->at++ = (char)(SERVE_H2_PACK_INDEXED + found.whole);
	else
		put_literal(pack, block, id, name, value, &found);
}
