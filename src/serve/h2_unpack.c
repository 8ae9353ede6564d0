/*
 * The table is one array. Text is written from its front, each entry's behind that of the one
 * before; entries are written from its end downwards, so that the newest is first, as indices
 * count. Since an entry counts 32 bytes besides its text and takes eight, what the peer may have
 * remembered always has room. Where front and end meet, what is left of entries that are gone is
 * closed up, in more of the array if there would be less than half of it free.
 *
 * A field is understood whole before anything is changed by it: of one that is not all there, only
 * the lengths are looked at.
 */
#include "serve/h2_unpack.h"

enum {
	STATIC_ENTRIES = 61, /* RFC 7541 appendix A */
	ENTRY_BYTES = 32,    /* that an entry counts besides its text (RFC 7541 section 4.1) */
	INDEXED = 0x80,
	WITH_INDEXING = 0x40, /* a literal that is remembered */
	TABLE_SIZE = 0x20,    /* what is none of these is a literal that is not remembered */
	HUFFMAN = 0x80,
	INDEX_MASK = 0x7f, /* what a number has of its first byte (RFC 7541 section 5.1) */
	WITH_INDEXING_MASK = 0x3f,
	TABLE_SIZE_MASK = 0x1f,
	WITHOUT_INDEXING_MASK = 0x0f,
	LENGTH_MASK = 0x7f,
	LAST_SHIFT = 28, /* of the last byte that a number may have */
};

_Static_assert(sizeof(struct serve_h2_unpack_entry) < ENTRY_BYTES, "entries and text have room");
_Static_assert((int)SERVE_H2_UNPACK_TABLE_BYTES / ENTRY_BYTES <= UINT8_MAX, "they can be counted");
_Static_assert((int)LIMIT_H2_DECODED_BYTES >= 2 * (int)SERVE_H2_UNPACK_TABLE_BYTES,
        "a name has room behind a value that is remembered");

/* An index of one byte needs no register saved as long as this is a call. */
#define NOT_INLINE __attribute__((noinline))

#define PSEUDO(name, value, pseudo)                                                                \
	{                                                                                          \
		STR(name), STR(value), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_##pseudo                   \
	}
#define NAME(name, id)                                                                             \
	{                                                                                          \
		STR(name), STR(""), HTTP_NAME_##id, SERVE_H2_PSEUDO_NONE                           \
	}

/* RFC 7541 appendix A. */
static const struct serve_h2_unpack_field static_fields[STATIC_ENTRIES] = {
        PSEUDO(":authority", "", AUTHORITY),
        PSEUDO(":method", "GET", METHOD),
        PSEUDO(":method", "POST", METHOD),
        PSEUDO(":path", "/", PATH),
        PSEUDO(":path", "/index.html", PATH),
        PSEUDO(":scheme", "http", SCHEME),
        PSEUDO(":scheme", "https", SCHEME),
        PSEUDO(":status", "200", NONE),
        PSEUDO(":status", "204", NONE),
        PSEUDO(":status", "206", NONE),
        PSEUDO(":status", "304", NONE),
        PSEUDO(":status", "400", NONE),
        PSEUDO(":status", "404", NONE),
        PSEUDO(":status", "500", NONE),
        NAME("accept-charset", OTHER),
        {STR("accept-encoding"), STR("gzip, deflate"), HTTP_NAME_ACCEPT_ENCODING,
                SERVE_H2_PSEUDO_NONE},
        NAME("accept-language", ACCEPT_LANGUAGE),
        NAME("accept-ranges", ACCEPT_RANGES),
        NAME("accept", ACCEPT),
        NAME("access-control-allow-origin", OTHER),
        NAME("age", AGE),
        NAME("allow", OTHER),
        NAME("authorization", AUTHORIZATION),
        NAME("cache-control", CACHE_CONTROL),
        NAME("content-disposition", OTHER),
        NAME("content-encoding", CONTENT_ENCODING),
        NAME("content-language", OTHER),
        NAME("content-length", CONTENT_LENGTH),
        NAME("content-location", CONTENT_LOCATION),
        NAME("content-range", CONTENT_RANGE),
        NAME("content-type", CONTENT_TYPE),
        NAME("cookie", COOKIE),
        NAME("date", DATE),
        NAME("etag", ETAG),
        NAME("expect", EXPECT),
        NAME("expires", EXPIRES),
        NAME("from", OTHER),
        NAME("host", HOST),
        NAME("if-match", IF_MATCH),
        NAME("if-modified-since", IF_MODIFIED_SINCE),
        NAME("if-none-match", IF_NONE_MATCH),
        NAME("if-range", IF_RANGE),
        NAME("if-unmodified-since", IF_UNMODIFIED_SINCE),
        NAME("last-modified", LAST_MODIFIED),
        NAME("link", OTHER),
        NAME("location", LOCATION),
        NAME("max-forwards", OTHER),
        NAME("proxy-authenticate", PROXY_AUTHENTICATE),
        NAME("proxy-authorization", PROXY_AUTHORIZATION),
        NAME("range", RANGE),
        NAME("referer", OTHER),
        NAME("refresh", OTHER),
        NAME("retry-after", OTHER),
        NAME("server", SERVER),
        NAME("set-cookie", SET_COOKIE),
        NAME("strict-transport-security", OTHER),
        NAME("transfer-encoding", TRANSFER_ENCODING),
        NAME("user-agent", USER_AGENT),
        NAME("vary", VARY),
        NAME("via", VIA),
        NAME("www-authenticate", OTHER),
};

/* ---- the table ---- */

static char *text_of(struct serve_h2_unpack *unpack)
{
	return (char *)unpack->entries;
}

static void evict(struct serve_h2_unpack *unpack, unsigned limit)
{
	while (unpack->bytes > limit) {
		const struct serve_h2_unpack_entry *oldest =
		        &unpack->entries[unpack->newest + --unpack->count];
		unpack->bytes -= (uint16_t)(oldest->name_len + oldest->value_len + ENTRY_BYTES);
	}
}

/* Where entries begin in so much room. */
static uint16_t first_of(unsigned room, unsigned count)
{
	return (uint16_t)(room / sizeof(struct serve_h2_unpack_entry) - count);
}

/* Closes up what is remembered, so that there is room for an entry of a size. */
static void close_up(struct serve_h2_unpack *unpack, unsigned size)
{
	struct serve_h2_unpack_entry *entries = unpack->entries;
	unsigned count = unpack->count, old = unpack->newest;
	unsigned first = count > 0 ? entries[old + count - 1].at : unpack->end;
	while (unpack->room < SERVE_H2_UNPACK_TABLE_BYTES &&
	        unpack->bytes + size > unpack->room / 2)
		unpack->room *= 2;
	unpack->newest = first_of(unpack->room, count);
	memmove(text_of(unpack), text_of(unpack) + first, unpack->end - first);
	memmove(&entries[unpack->newest], &entries[old], count * sizeof(*entries));
	unpack->end -= (uint16_t)first;
	for (unsigned i = 0; i < count; i++)
		entries[unpack->newest + i].at -= (uint16_t)first;
}

static char *put(char *to, struct str text)
{
	if (text.len > 0)
		memcpy(to, text.at, text.len);
	return to + text.len;
}

/* Adds an entry (RFC 7541 section 4.4); the field's name and value are then the entry's. `spare` is
 * for a name that is of an entry, too, which may go. */
static void remember(
        struct serve_h2_unpack *unpack, char *spare, struct serve_h2_unpack_field *field)
{
	size_t length = field->name.len + field->value.len, size = length + ENTRY_BYTES;
	if (size > unpack->limit) {
		evict(unpack, 0);
		return;
	}
	evict(unpack, unpack->limit - (unsigned)size);
	size_t entries_at = unpack->newest * sizeof(*unpack->entries);
	if (unpack->end + length + sizeof(*unpack->entries) > entries_at) {
		put(spare, field->name);
		field->name.at = spare;
		close_up(unpack, (unsigned)size);
	}
	unpack->entries[--unpack->newest] = (struct serve_h2_unpack_entry){
	        .at = unpack->end,
	        .name_len = (uint16_t)field->name.len,
	        .value_len = (uint16_t)field->value.len,
	        .id = (uint8_t)field->id,
	        .pseudo = (uint8_t)field->pseudo,
	};
	char *name_at = text_of(unpack) + unpack->end;
	char *value_at = put(name_at, field->name);
	put(value_at, field->value);
	field->name.at = name_at;
	field->value.at = value_at;
	unpack->end += (uint16_t)length;
	unpack->bytes += (uint16_t)size;
	unpack->count++;
}

/* The field at an index of both tables (RFC 7541 section 2.3.3). */
static inline bool find(
        struct serve_h2_unpack *unpack, uint32_t index, struct serve_h2_unpack_field *ret_field)
{
	if (index - 1 < STATIC_ENTRIES) {
		*ret_field = static_fields[index - 1];
		return true;
	}
	index -= STATIC_ENTRIES + 1;
	if (index >= unpack->count)
		return false;
	const struct serve_h2_unpack_entry *entry = &unpack->entries[unpack->newest + index];
	const char *text = text_of(unpack) + entry->at;
	*ret_field = (struct serve_h2_unpack_field){
	        .name = str_make(text, entry->name_len),
	        .value = str_make(text + entry->name_len, entry->value_len),
	        .id = entry->id,
	        .pseudo = entry->pseudo,
	};
	return true;
}

/* ---- bytes ---- */

struct reader {
	const char *at, *end;
	size_t room;                   /* that strings may yet take */
	enum serve_h2_unpacked result; /* why no more can be read */
};

/* A string as it came. */
struct coded {
	struct str bytes;
	bool is_huffman;
};

static struct reader read_block(const struct str *block)
{
	return (struct reader){
	        .at = block->at,
	        .end = block->at + block->len,
	        .room = LIMIT_H2_DECODED_BYTES,
	};
}

static bool stop(struct reader *reader, enum serve_h2_unpacked result)
{
	reader->result = result;
	return false;
}

/* A number that goes on behind its first byte, which is there. */
static bool take_long_number(struct reader *reader, unsigned mask, uint32_t *ret_number)
{
	uint64_t number = mask;
	reader->at++;
	for (unsigned shift = 0;; shift += 7) {
		if (reader->at == reader->end)
			return stop(reader, SERVE_H2_UNPACKED_MORE);
		unsigned byte = (unsigned char)*reader->at++;
		number += (uint64_t)(byte & 0x7f) << shift;
		if (number > UINT32_MAX || (shift == LAST_SHIFT && (byte & 0x80) != 0))
			return stop(reader, SERVE_H2_UNPACKED_BROKEN);
		if ((byte & 0x80) == 0) {
			*ret_number = (uint32_t)number;
			return true;
		}
	}
}

/* A number, whose first byte is there (RFC 7541 section 5.1). */
static inline bool take_number(struct reader *reader, unsigned mask, uint32_t *ret_number)
{
	unsigned number = (unsigned char)*reader->at & mask;
	if (number == mask)
		return take_long_number(reader, mask, ret_number);
	reader->at++;
	*ret_number = number;
	return true;
}

static inline bool take_string(struct reader *reader, struct coded *ret_coded)
{
	uint32_t length;
	if (reader->at == reader->end)
		return stop(reader, SERVE_H2_UNPACKED_MORE);
	bool is_huffman = ((unsigned char)*reader->at & HUFFMAN) != 0;
	if (!take_number(reader, LENGTH_MASK, &length))
		return false;
	size_t most = is_huffman ? serve_h2_huffman_most(length) : length;
	if (most > reader->room)
		return stop(reader, SERVE_H2_UNPACKED_LONG);
	if (length > (size_t)(reader->end - reader->at))
		return stop(reader, SERVE_H2_UNPACKED_MORE);
	*ret_coded = (struct coded){str_make(reader->at, length), is_huffman};
	reader->at += length;
	reader->room -= most;
	return true;
}

/* What a string stands for; in the Huffman code that is written to *spare, which goes on. */
static inline bool decode(const struct coded *coded, char **spare, struct str *ret_text)
{
	if (!coded->is_huffman) {
		*ret_text = coded->bytes;
		return true;
	}
	ret_text->at = *spare;
	if (!serve_h2_huffman_read(coded->bytes, *spare, &ret_text->len))
		return false;
	*spare += ret_text->len;
	return true;
}

static void identify(struct serve_h2_unpack_field *field)
{
	bool is_pseudo = field->name.len > 0 && field->name.at[0] == ':';
	field->id = is_pseudo ? HTTP_NAME_OTHER : http_name_of(field->name);
	field->pseudo = is_pseudo ? serve_h2_rules_pseudo(field->name) : SERVE_H2_PSEUDO_NONE;
}

/* ---- fields ---- */

/* The block is read up to here. */
static inline void take(struct serve_h2_unpack *unpack, struct str *block, const char *at)
{
	unpack->updates = 0;
	block->len -= (size_t)(at - block->at);
	block->at = at;
}

/* RFC 7541 section 6.1; those that are one byte need not come here. */
static enum serve_h2_unpacked take_long_indexed(
        struct serve_h2_unpack *unpack, struct str *block, struct serve_h2_unpack_field *ret_field)
{
	uint32_t index;
	struct reader reader = read_block(block);
	if (!take_number(&reader, INDEX_MASK, &index))
		return reader.result;
	if (!find(unpack, index, ret_field))
		return SERVE_H2_UNPACKED_BROKEN;
	take(unpack, block, reader.at);
	return SERVE_H2_UNPACKED_FIELD;
}

/* RFC 7541 section 6.2. */
NOT_INLINE static enum serve_h2_unpacked take_literal(struct serve_h2_unpack *unpack,
        struct serve_h2_scratch *scratch, struct str *block, unsigned mask,
        struct serve_h2_unpack_field *ret_field)
{
	uint32_t index;
	struct coded name = {STR_EMPTY, false}, value;
	struct serve_h2_unpack_field field;
	struct reader reader = read_block(block);
	char *spare = scratch->text;
	if (!take_number(&reader, mask, &index))
		return reader.result;
	if (index != 0 && !find(unpack, index, &field))
		return SERVE_H2_UNPACKED_BROKEN;
	if ((index == 0 && !take_string(&reader, &name)) || !take_string(&reader, &value))
		return reader.result;
	if (index == 0) {
		if (!decode(&name, &spare, &field.name))
			return SERVE_H2_UNPACKED_BROKEN;
		identify(&field);
	}
	if (!decode(&value, &spare, &field.value))
		return SERVE_H2_UNPACKED_BROKEN;
	if (mask == WITH_INDEXING_MASK)
		remember(unpack, spare, &field);
	take(unpack, block, reader.at);
	*ret_field = field;
	return SERVE_H2_UNPACKED_FIELD;
}

/* RFC 7541 section 6.3, and what comes behind it. */
static enum serve_h2_unpacked take_update(struct serve_h2_unpack *unpack,
        struct serve_h2_scratch *scratch, struct str *block,
        struct serve_h2_unpack_field *ret_field)
{
	uint32_t limit;
	struct reader reader = read_block(block);
	unsigned updates = unpack->updates;
	if (updates == 0)
		return SERVE_H2_UNPACKED_BROKEN;
	if (!take_number(&reader, TABLE_SIZE_MASK, &limit))
		return reader.result;
	if (limit > SERVE_H2_UNPACK_TABLE_BYTES)
		return SERVE_H2_UNPACKED_BROKEN;
	unpack->limit = (uint16_t)limit;
	evict(unpack, limit);
	take(unpack, block, reader.at);
	unpack->updates = (uint8_t)(updates - 1);
	return serve_h2_unpack_next(unpack, scratch, block, ret_field);
}

/* What comes seldom. */
NOT_INLINE static enum serve_h2_unpacked take_seldom(struct serve_h2_unpack *unpack,
        struct serve_h2_scratch *scratch, struct str *block,
        struct serve_h2_unpack_field *ret_field)
{
	if (((unsigned char)block->at[0] & INDEXED) != 0)
		return take_long_indexed(unpack, block, ret_field);
	return take_update(unpack, scratch, block, ret_field);
}

void serve_h2_unpack_init(struct serve_h2_unpack *unpack)
{
	unpack->limit = SERVE_H2_UNPACK_TABLE_BYTES;
	unpack->bytes = 0;
	unpack->room = SERVE_H2_UNPACK_FIRST_BYTES;
	unpack->end = 0;
	unpack->newest = first_of(SERVE_H2_UNPACK_FIRST_BYTES, 0);
	unpack->count = 0;
	unpack->updates = 0;
}

enum serve_h2_unpacked serve_h2_unpack_next(struct serve_h2_unpack *unpack,
        struct serve_h2_scratch *scratch, struct str *block,
        struct serve_h2_unpack_field *ret_field)
{
	if (block->len == 0)
		return SERVE_H2_UNPACKED_END;
	unsigned first = (unsigned char)block->at[0];
	if (first - INDEXED < INDEX_MASK && find(unpack, first - INDEXED, ret_field)) {
		take(unpack, block, block->at + 1);
		return SERVE_H2_UNPACKED_FIELD;
	}
	if ((first & INDEXED) != 0 || (first & ~TABLE_SIZE_MASK) == TABLE_SIZE)
		return take_seldom(unpack, scratch, block, ret_field);
	unsigned mask = (first & WITH_INDEXING) != 0 ? WITH_INDEXING_MASK : WITHOUT_INDEXING_MASK;
	return take_literal(unpack, scratch, block, mask, ret_field);
}
