/*
 * SipHash-2-4 from libsodium under a key that the kernel gives once, and XXH3.
 */
#include "base/hash.h"

#include <sodium/crypto_shorthash_siphash24.h>
#include <sys/random.h>
#include <xxhash.h>

enum { NOCASE_MAX = 512 };

static unsigned char key[crypto_shorthash_siphash24_KEYBYTES];
static bool has_key;

void hash_init(void)
{
	CHECK(getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key));
	has_key = true;
}

uint64_t hash_keyed(const void *bytes, size_t length)
{
	CHECK(has_key);
	uint64_t hash;
	crypto_shorthash_siphash24((unsigned char *)&hash, bytes, length, key);
	return hash;
}

uint64_t hash_keyed_nocase(struct str s)
{
	char lower[NOCASE_MAX];
	CHECK(s.len <= sizeof(lower));
	for (size_t i = 0; i < s.len; i++)
		lower[i] = str_lower(s.at[i]);
	return hash_keyed(lower, s.len);
}

uint64_t hash_checksum(const void *bytes, size_t length)
{
	return XXH3_64bits(bytes, length);
}

uint64_t hash_checksum_seeded(const void *bytes, size_t length, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes, length, seed);
}

uint64_t hash_under_key(const void *bytes, size_t length, const unsigned char under[HASH_KEY_BYTES])
{
	_Static_assert(HASH_KEY_BYTES == crypto_shorthash_siphash24_KEYBYTES, "a key of SipHash");
	uint64_t hash;
	crypto_shorthash_siphash24((unsigned char *)&hash, bytes, length, under);
	return hash;
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
	/* Two rounds of multiply and fold: each bit of either input reaches all bits of the result,
	 * and mix(a, b) is not mix(b, a). The constants are odd and have no meaning. */
	uint64_t mixed = (a ^ (a >> 32)) * 0x9e3779b97f4a7c15 + b;
	mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 32)) * 0x94d049bb133111eb;
	return mixed ^ (mixed >> 29);
}
