/* fuzz: serve nghttp2 - blocks have the fields for us that they have for nghttp2, whole or cut in
 * two
 *
 * The input is a sequence of blocks: two bytes are the length, and so many are the block. Behind an
 * error comes nothing. tests/unit/serve/h2_unpackers.h has the comparison.
 */
#include "../unit/serve/h2_unpackers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct unpackers unpackers;
	enum serve_h2_unpacked result = SERVE_H2_UNPACKED_END;
	struct str input = str_make((const char *)data, size);
	unpackers_begin(&unpackers);
	while (input.len >= 2 && result == SERVE_H2_UNPACKED_END) {
		size_t length = (size_t)data[size - input.len] << 8 | data[size - input.len + 1];
		if (length > input.len - 2)
			length = input.len - 2;
		result = unpackers_block(&unpackers, str_make(input.at + 2, length));
		input = str_make(input.at + 2 + length, input.len - 2 - length);
	}
	unpackers_end(&unpackers);
	return 0;
}
