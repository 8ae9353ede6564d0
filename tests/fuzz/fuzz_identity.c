/* fuzz: net base - whatever a file of keys and certificates has, it is used, or refused with words
 */
#include "net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text why = {0};
	struct tls_context *context = tls_context_mutual(str_make((const char *)data, size), &why);
	CHECK((context == NULL) == (why.len > 0));
	tls_context_free(context);
	text_done(&why);
	return 0;
}
