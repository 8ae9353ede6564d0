/* fuzz: net - whatever a folder of certificates has, a shelf is made of it, and finds what it shows
 */
#include "net/tls_shelf_private.h"

#include "base/check.h"

#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two files with a zero between, the second a staple where a third is there. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size);
	struct text troubles = {0};
	struct tls_shelf *shelf = tls_shelf_new();
	struct str one = str_cut(&rest, '\0'), other = str_cut(&rest, '\0');
	tls_shelf_add(shelf, "one", one, &troubles);
	if (other.len > 0)
		tls_shelf_add(shelf, "other", other, &troubles);
	if (rest.len > 0)
		tls_shelf_add_staple(shelf, "staple", rest, &troubles);
	tls_shelf_finish(shelf, 1796040000, &troubles);
	for (unsigned i = 0; i < tls_shelf_count(shelf); i++) {
		struct str names = str_of(tls_shelf_at(shelf, i).names);
		bool is_shown = tls_shelf_pair(shelf, i)->unfit == NULL;
		while (is_shown && names.len > 0) {
			struct str name = str_cut(&names, ',');
			if (names.len > 0)
				names = str_make(names.at + 1, names.len - 1);
			bool is_wild = name.len > 0 && name.at[0] == '*';
			CHECK(is_wild || name.at[name.len - 1] == '.' ||
			        tls_shelf_has(shelf, name));
		}
	}
	tls_shelf_unref(shelf);
	text_done(&troubles);
	return 0;
}
