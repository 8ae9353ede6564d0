/*
 * They are a text in `meta`, a line for each: its name, and the revision and the purge that it
 * began with. An epoch ends where the next one begins.
 */
#include "store/epochs.h"

#include "store/store_private.h"

#include <sodium.h>

/* An epoch as it began. */
static bool read_line(struct str line, struct store_epoch *ret_epoch)
{
	struct str name = str_cut(&line, ' '), revision = str_cut(&line, ' ');
	if (name.len != STORE_EPOCH_BYTES - 1 || !str_to_u64(revision, &ret_epoch->revision) ||
	        !str_to_u64(line, &ret_epoch->purge))
		return false;
	memcpy(ret_epoch->name, name.at, name.len);
	ret_epoch->name[name.len] = '\0';
	return true;
}

static enum store_failure read_lines(
        struct store *store, struct store_epoch *epochs, unsigned *ret_count)
{
	struct store_statement statement =
	        store_prepare(store, "SELECT value FROM meta WHERE name='epochs'");
	bool has_row;
	enum store_failure failure = store_step(&statement, &has_row);
	struct str rest =
	        failure == STORE_DONE && has_row ? store_column(&statement, 0) : STR_EMPTY;
	*ret_count = 0;
	while (failure == STORE_DONE && rest.len > 0) {
		if (*ret_count == LIMIT_LINK_EPOCHS ||
		        !read_line(str_cut(&rest, '\n'), &epochs[(*ret_count)++]))
			failure =
			        store_fail_with(store, STORE_CORRUPT, "its epochs cannot be read");
	}
	store_finalize(&statement);
	return failure;
}

static enum store_failure write_lines(
        struct store *store, const struct store_epoch *epochs, unsigned count)
{
	struct text lines = {0};
	for (unsigned i = 0; i < count; i++)
		text_addf(&lines, "%s %llu %llu\n", epochs[i].name,
		        (unsigned long long)epochs[i].revision,
		        (unsigned long long)epochs[i].purge);
	struct store_statement statement =
	        store_prepare(store, "INSERT OR REPLACE INTO meta VALUES('epochs', ?)");
	store_bind_text(&statement, text_str(&lines));
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	text_done(&lines);
	return failure;
}

static enum store_failure make(struct store *store, struct store_epoch *epochs, unsigned *count)
{
	unsigned char bytes[(STORE_EPOCH_BYTES - 1) / 2];
	if (*count == LIMIT_LINK_EPOCHS)
		memmove(epochs, epochs + 1, --*count * sizeof(*epochs));
	struct store_epoch *epoch = &epochs[(*count)++];
	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(epoch->name, sizeof(epoch->name), bytes, sizeof(bytes));
	enum store_failure failure = store_read_meta(store, "revision", &epoch->revision);
	return failure == STORE_DONE ? store_read_meta(store, "purge", &epoch->purge) : failure;
}

enum store_failure store_epochs_begin(
        struct store *store, struct store_epoch *ret_epochs, unsigned *ret_count)
{
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE)
		failure = read_lines(store, ret_epochs, ret_count);
	if (failure == STORE_DONE)
		failure = make(store, ret_epochs, ret_count);
	failure = store_end(store, failure);
	if (failure != STORE_DONE)
		return failure;
	failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = write_lines(store, ret_epochs, *ret_count);
	failure = store_end(store, failure);
	/* One ends with what the next one begins with. */
	for (unsigned i = 0; i + 1 < *ret_count; i++) {
		ret_epochs[i].revision = ret_epochs[i + 1].revision;
		ret_epochs[i].purge = ret_epochs[i + 1].purge;
	}
	return failure == STORE_FULL || failure == STORE_READ_ONLY ? STORE_DONE : failure;
}
