/* fuzz: link - a journal reads as what was written or not at all, and its text holds no surprise */
#include "base/hash.h"
#include "link/journal.h"
#include "link/note.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A journal in memory that has these bytes. */
static struct link_journal make_journal(struct str first, struct str second)
{
	int fd = memfd_create("journal", MFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(write(fd, first.at, first.len) == (ssize_t)first.len);
	CHECK(write(fd, second.at, second.len) == (ssize_t)second.len);
	return (struct link_journal){.fd = fd};
}

/* The bytes as a whole journal. */
static void try_raw(struct str bytes)
{
	struct text text = {0};
	uint64_t revision;
	const struct link_journal journal = make_journal(bytes, STR(""));
	if (link_journal_read(&journal, &text, &revision))
		CHECK(text.len < bytes.len);
	text_done(&text);
	close(journal.fd);
}

/* The bytes as the text of a journal that checks out. */
static void try_text(struct str bytes)
{
	struct text head = {0}, text = {0};
	uint64_t revision;
	text_addf(&head, "headwater-journal 1 7 %zu", bytes.len);
	text_addf(&head, " %016" PRIx64 "\n",
	        hash_mix(hash_checksum(head.at, head.len), hash_checksum(bytes.at, bytes.len)));
	const struct link_journal journal = make_journal(text_str(&head), bytes);
	CHECK(link_journal_read(&journal, &text, &revision));
	CHECK(revision == 7 && str_is_equal(text_str(&text), bytes));

	struct link_note note;
	struct model_domains domains;
	if (link_note_read(&journal, "f", MODEL_CLASSIC, &note, &domains, &revision))
		model_domains_done(&domains);
	text_done(&text);
	text_done(&head);
	close(journal.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_make(size == 0 ? "" : (const char *)data, size);
	try_raw(bytes);
	try_text(bytes);
	return 0;
}
