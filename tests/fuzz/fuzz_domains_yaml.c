/* fuzz: model - what is read as domains prints, reads again and is equal, as a list and in a
 * snapshot */
#include "base/hash.h"
#include "model/diff.h"
#include "model/print.h"
#include "model/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is refused says why and where. */
static void check_problems(struct model_problems *problems)
{
	struct text printed = {0};
	CHECK(problems->total > 0 && problems->count > 0);
	for (unsigned i = 0; i < problems->count; i++) {
		CHECK(problems->list[i].message[0] != '\0' && problems->list[i].rule[0] != '\0');
		CHECK(strchr(problems->list[i].message, '\n') == NULL);
	}
	model_problems_print(problems, &printed);
	text_done(&printed);
	model_problems_done(problems);
}

static void check_snapshot(const struct model_domains *domains)
{
	struct model_snapshot *empty = model_snapshot_new();
	struct model_diff diff;
	model_diff_from(empty, domains->list, domains->count, &diff);
	CHECK(diff.added == domains->count && diff.changed == 0 && diff.removed == 0);
	struct model_snapshot *snapshot = model_snapshot_with(empty, diff.changes, diff.count, 1);
	model_diff_done(&diff);
	for (size_t i = 0; i < domains->count; i++)
		CHECK(model_snapshot_find(snapshot, str_of(domains->list[i]->name)) ==
		        domains->list[i]);
	model_snapshot_unref(snapshot);
	model_snapshot_unref(empty);
}

/* Every bucket has its host, and that is its address. */
static void check_host(const struct model_origin *origin)
{
	CHECK((origin->type != MODEL_SELF) == (origin->bucket.host != NULL));
	CHECK(origin->address_count > 0);
	if (origin->bucket.host != NULL)
		CHECK(origin->address_count == 1 && origin->addresses[0].host[0] != '\0' &&
		        strstr(origin->bucket.host, origin->addresses[0].host) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_ready;
	if (!is_ready)
		hash_init();
	is_ready = true;

	struct model_problems problems = {0};
	struct model_domains domains, again;
	struct text printed = {0}, twice = {0};
	if (!model_read_domains(
	            str_make((const char *)data, size), "f", MODEL_CLASSIC, &problems, &domains)) {
		check_problems(&problems);
		return 0;
	}
	CHECK(problems.total == 0);
	for (size_t i = 0; i < domains.count; i++)
		check_host(&domains.list[i]->origin);
	model_print_domains(domains.list, domains.count, MODEL_PRINT_SECRETS, &printed);
	CHECK(model_read_domains(text_str(&printed), "f", MODEL_CLASSIC, &problems, &again));
	CHECK(again.count == domains.count);
	for (size_t i = 0; i < domains.count; i++) {
		CHECK(model_diff_is_equal(domains.list[i], again.list[i]));
		CHECK(domains.list[i]->revision == again.list[i]->revision);
	}
	model_print_domains(again.list, again.count, MODEL_PRINT_SECRETS, &twice);
	CHECK(str_is_equal(text_str(&printed), text_str(&twice)));
	check_snapshot(&domains);
	text_done(&twice);
	text_done(&printed);
	model_domains_done(&again);
	model_domains_done(&domains);
	return 0;
}
