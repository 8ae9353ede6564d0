/*
 * A key is 16 random bytes in base64; its answer is the SHA-1 of the key and a constant, in base64.
 * It proves nothing but that the origin has understood what it was asked, and that this is the
 * answer to it.
 */
#include "edge/websocket.h"

#include "base/random.h"

#include <openssl/evp.h>

enum {
	KEY_BYTES = 16,
	KEY_TEXT = 24, /* in base64 */
	SHA1_BYTES = 20,
	ACCEPT_TEXT = 28,
};

static const struct str GUID = STR("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");

struct str edge_websocket_key(struct arena *arena)
{
	uint64_t bytes[KEY_BYTES / sizeof(uint64_t)] = {random_u64(), random_u64()};
	unsigned char text[KEY_TEXT + 1];
	int length = EVP_EncodeBlock(text, (const unsigned char *)bytes, KEY_BYTES);
	CHECK(length == KEY_TEXT);
	return arena_copy(arena, str_make((const char *)text, KEY_TEXT));
}

bool edge_websocket_is_accept(struct str name)
{
	return str_is_equal_nocase(name, STR("Sec-WebSocket-Accept"));
}

bool edge_websocket_is_accepted(const struct http_head *head, struct str key)
{
	char asked[KEY_TEXT + 36];
	unsigned char hash[SHA1_BYTES], text[ACCEPT_TEXT + 1];
	struct str accept = STR_EMPTY;
	unsigned count = 0;
	CHECK(key.len == KEY_TEXT && KEY_TEXT + GUID.len == sizeof(asked));
	memcpy(asked, key.at, key.len);
	memcpy(asked + key.len, GUID.at, GUID.len);
	if (EVP_Digest(asked, sizeof(asked), hash, NULL, EVP_sha1(), NULL) != 1)
		return false;
	int length = EVP_EncodeBlock(text, hash, SHA1_BYTES);
	for (unsigned i = 0; i < head->count; i++) {
		if (!edge_websocket_is_accept(http_head_name(head, &head->fields[i])))
			continue;
		accept = http_head_value(head, &head->fields[i]);
		count++;
	}
	return count == 1 && str_is_equal(accept, str_make((const char *)text, (size_t)length));
}
