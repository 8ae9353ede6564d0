/*
 * The journal's text is a domains file whose first three lines are comments:
 *
 *     # source "/etc/headwater/domains.yaml"
 *     # live <checksum> <length> <inode> <touched>
 *     # held <checksum> <length> <inode> <touched>
 */
#include "link/note.h"

#include "model/print.h"

#include <inttypes.h>

static void add_source(const char *source, struct text *to)
{
	text_add(to, STR("# source "));
	text_add_json(to, str_of(source));
	text_add_char(to, '\n');
}

static void add_stamp(const char *word, const struct link_source_stamp *stamp, struct text *to)
{
	text_addf(to, "# %s %016" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", word,
	        stamp->checksum, stamp->length, stamp->inode, stamp->touched_ns);
}

bool link_note_write(const struct link_journal *journal, const char *source,
        const struct link_note *note, const struct model_snapshot *snapshot)
{
	struct text text = {0};
	size_t count = model_snapshot_count(snapshot);
	add_source(source, &text);
	add_stamp("live", &note->live, &text);
	add_stamp("held", &note->held, &text);
	text_add(&text, count == 0 ? STR("domains: []\n") : STR("domains:\n"));
	for (size_t i = 0; i < count; i++)
		model_print_domain(model_snapshot_at(snapshot, i), MODEL_PRINT_SECRETS, &text);
	bool is_written =
	        link_journal_write(journal, text_str(&text), model_snapshot_revision(snapshot));
	text_done(&text);
	return is_written;
}

/* Cuts a line with a stamp off *rest. */
static bool cut_stamp(struct str *rest, struct str word, struct link_source_stamp *ret_stamp)
{
	struct str line = str_cut(rest, '\n');
	return str_is_equal(str_cut(&line, ' '), STR("#")) &&
	       str_is_equal(str_cut(&line, ' '), word) &&
	       str_to_hex_u64(str_cut(&line, ' '), &ret_stamp->checksum) &&
	       str_to_u64(str_cut(&line, ' '), &ret_stamp->length) &&
	       str_to_u64(str_cut(&line, ' '), &ret_stamp->inode) &&
	       str_to_u64(line, &ret_stamp->touched_ns);
}

static bool read_text(struct str text, const char *source, enum model_rules rules,
        struct link_note *ret_note, struct model_domains *ret_domains)
{
	struct text first = {0};
	add_source(source, &first);
	bool is_ours = str_has_prefix(text, text_str(&first));
	struct str rest = is_ours ? str_make(text.at + first.len, text.len - first.len) : STR_EMPTY;
	text_done(&first);
	struct link_note note;
	if (!is_ours || !cut_stamp(&rest, STR("live"), &note.live) ||
	        !cut_stamp(&rest, STR("held"), &note.held))
		return false;
	struct model_problems problems = {0};
	bool is_read = model_read_domains(rest, "the journal", rules, &problems, ret_domains);
	model_problems_done(&problems);
	if (is_read)
		*ret_note = note;
	return is_read;
}

bool link_note_read(const struct link_journal *journal, const char *source, enum model_rules rules,
        struct link_note *ret_note, struct model_domains *ret_domains, uint64_t *ret_revision)
{
	struct text text = {0};
	uint64_t revision;
	if (!link_journal_read(journal, &text, &revision))
		return false;
	bool is_read = read_text(text_str(&text), source, rules, ret_note, ret_domains);
	text_done(&text);
	if (is_read)
		*ret_revision = revision;
	return is_read;
}
