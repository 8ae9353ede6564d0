/*
 * Hashes are OpenSSL's. Its one-shot calls fail only where it has no memory or no algorithms, which
 * is an end for the process either way.
 */
#include "origin/sign.h"

#include "base/check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static bool is_unreserved(char c)
{
	char lower = str_lower(c);
	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

void origin_sign_encode(struct str text, bool keeps_slashes, struct text *to)
{
	static const char DIGITS[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (is_unreserved(text.at[i]) || (keeps_slashes && c == '/')) {
			text_add_char(to, text.at[i]);
			continue;
		}
		text_add_char(to, '%');
		text_add_char(to, DIGITS[c >> 4]);
		text_add_char(to, DIGITS[c & 15]);
	}
}

void origin_sign_hex(const unsigned char *bytes, size_t count, struct text *to)
{
	static const char DIGITS[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		text_add_char(to, DIGITS[bytes[i] >> 4]);
		text_add_char(to, DIGITS[bytes[i] & 15]);
	}
}

void origin_sign_lower(struct str text, struct text *to)
{
	for (size_t i = 0; i < text.len; i++)
		text_add_char(to, str_lower(text.at[i]));
}

unsigned origin_sign_sorted_add(struct origin_sign_sorted *sorted)
{
	CHECK(sorted->count < ORIGIN_SIGN_PAIRS);
	unsigned index = sorted->count++;
	sorted->order[index] = index;
	return index;
}

static int compare(const struct origin_sign_sorted *sorted, unsigned a, unsigned b)
{
	int order = str_compare(text_str(&sorted->names[a]), text_str(&sorted->names[b]));
	return order != 0 ? order
	                  : str_compare(text_str(&sorted->values[a]), text_str(&sorted->values[b]));
}

/* They are few: each is put where it belongs among those before it. */
void origin_sign_sort(struct origin_sign_sorted *sorted)
{
	for (unsigned i = 1; i < sorted->count; i++) {
		unsigned moving = sorted->order[i], at = i;
		for (; at > 0 && compare(sorted, sorted->order[at - 1], moving) > 0; at--)
			sorted->order[at] = sorted->order[at - 1];
		sorted->order[at] = moving;
	}
}

void origin_sign_sorted_done(struct origin_sign_sorted *sorted)
{
	for (unsigned i = 0; i < sorted->count; i++) {
		text_done(&sorted->names[i]);
		text_done(&sorted->values[i]);
	}
	sorted->count = 0;
}

static const EVP_MD *algorithm(enum origin_sign_hash hash)
{
	return hash == ORIGIN_SIGN_SHA1 ? EVP_sha1() : EVP_sha256();
}

void origin_sign_hmac(
        enum origin_sign_hash hash, struct str key, struct str text, unsigned char *ret_bytes)
{
	unsigned length = 0;
	static const char NOTHING[] = "";
	const unsigned char *made = HMAC(algorithm(hash), key.len != 0 ? key.at : NOTHING,
	        (int)key.len, (const unsigned char *)(text.len != 0 ? text.at : NOTHING), text.len,
	        ret_bytes, &length);
	CHECK(made != NULL && length == (unsigned)hash);
}

void origin_sign_digest(enum origin_sign_hash hash, struct str text, struct text *to)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	int is_made = EVP_Digest(
	        text.len != 0 ? text.at : "", text.len, bytes, &length, algorithm(hash), NULL);
	CHECK(is_made == 1 && length == (unsigned)hash);
	origin_sign_hex(bytes, length, to);
}

void origin_sign_wipe(struct text *text)
{
	if (text->at != NULL)
		OPENSSL_cleanse(text->at, text->cap);
	text_done(text);
}
