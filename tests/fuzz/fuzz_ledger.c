/* fuzz: link - a ledger of any bytes is read without harm; entries that check out, whatever is in
 * them, are taken as revisions or end it, and what was taken can be added to */
#include "base/hash.h"
#include "base/mem.h"
#include "link/ledger.h"

#include <sys/mman.h>
#include <unistd.h>

enum { BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_number(uint64_t number, struct text *to)
{
	for (unsigned i = 0; i < 8; i++)
		text_add_char(to, (char)(number >> (8 * i)));
}

/* The bytes as entries of up to 200 bytes each, with heads as they must be. */
static void add_entries(struct str bytes, struct text *to)
{
	while (bytes.len > 0) {
		size_t size = (unsigned char)bytes.at[0] % 200 + 1u;
		bytes = str_make(bytes.at + 1, bytes.len - 1);
		size = size < bytes.len ? size : bytes.len;
		uint64_t at = to->len;
		put_number(size, to);
		put_number(hash_mix(hash_mix(hash_checksum(bytes.at, size), size), at), to);
		text_add(to, str_make(bytes.at, size));
		bytes = str_make(bytes.at + size, bytes.len - size);
	}
}

static void check(int fd, struct str bytes)
{
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(pwrite(fd, bytes.len == 0 ? "" : bytes.at, bytes.len, 0) == (ssize_t)bytes.len);
	const struct link_journal place = {.fd = fd};
	struct link_ledger *ledger = link_ledger_new(&place), *again = link_ledger_new(&place);
	struct link_intake *intake = link_intake_new(), *other = link_intake_new();
	struct text store = {0}, same = {0};
	uint64_t purged = 0, same_purged = 0;
	if (link_ledger_read(ledger, intake, &store, &purged)) {
		CHECK(link_ledger_add(ledger, text_str(&store), intake));
		CHECK(link_ledger_read(again, other, &same, &same_purged));
		CHECK(str_is_equal(text_str(&store), text_str(&same)));
		CHECK(purged == same_purged);
		const struct link_certificates *list = link_ledger_certificates(ledger);
		const struct link_certificates *kept = link_ledger_certificates(again);
		CHECK((list == NULL) == (kept == NULL));
		CHECK(list == NULL || link_certificates_is_equal(list, kept));
		CHECK(model_snapshot_count(link_intake_snapshot(other)) ==
		        model_snapshot_count(link_intake_snapshot(intake)));
	}
	text_done(&store);
	text_done(&same);
	link_intake_free(intake);
	link_intake_free(other);
	link_ledger_free(ledger);
	link_ledger_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	if (size > BYTES_MAX)
		return 0;
	if (fd < 0) {
		hash_init();
		fd = memfd_create("ledger", MFD_CLOEXEC);
		CHECK(fd >= 0);
	}
	struct str bytes = str_make((const char *)data, size);
	struct text entries = {0};
	check(fd, bytes);
	add_entries(bytes, &entries);
	check(fd, text_str(&entries));
	text_done(&entries);
	return 0;
}
