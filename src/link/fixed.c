/*
 * The domain is made by hand and held against the rules of every domain; then the JSON Pointers of
 * what is wrong are put back into the words of flags.
 */
#include "link/fixed.h"

#include "model/check.h"
#include "model/value.h"

static void refuse(struct model_problems *problems, const char *flag, const char *value,
        const struct model_why *why)
{
	model_problems_add(problems, NULL, 0, flag, why->rule, "\"%s\" %s%s%s", value, why->words,
	        why->allowed == NULL ? "" : " ", why->allowed == NULL ? "" : why->allowed);
}

static void read_name(
        struct model_domain *domain, const char *name, struct model_problems *problems)
{
	struct model_why why;
	const struct model_field *field = model_field_find(STR("name"));
	if (!model_value_read(field, domain, str_of(name), &why))
		refuse(problems, "--domain", name, &why);
}

static void read_addresses(struct model_domain *domain, struct model_origin *origin,
        const char *flag, const char *const *texts, size_t count, struct model_problems *problems)
{
	struct model_why why;
	if (count > LIMIT_ADDRESSES) {
		model_problems_add(problems, NULL, 0, flag, "range",
		        "is given %zu times, which is not in 1-%d", count, LIMIT_ADDRESSES);
		return;
	}
	origin->addresses = model_domain_alloc(domain, count * sizeof(origin->addresses[0]));
	for (size_t i = 0; i < count; i++) {
		if (model_read_address(domain, str_of(texts[i]),
		            &origin->addresses[origin->address_count], &why))
			origin->address_count++;
		else
			refuse(problems, flag, texts[i], &why);
	}
}

/* The flag that a field is in. */
static const char *flag_of(const char *pointer)
{
	if (str_has_prefix(str_of(pointer), STR("/origin")))
		return "--origin";
	if (str_has_prefix(str_of(pointer), STR("/backup")))
		return "--backup";
	return "--domain";
}

static void check(const struct model_domain *domain, enum model_rules rules, bool is_whole,
        struct model_problems *problems)
{
	static const struct model_place PLACE = {.pointer = ""};
	struct model_problems found = {0};
	bool is_good = is_whole ? model_check_domain(domain, rules, &PLACE, &found)
	                        : model_check_rules(domain, rules, &PLACE, &found);
	if (!is_good) {
		for (unsigned i = 0; i < found.count; i++)
			model_problems_add(problems, NULL, 0, flag_of(found.list[i].field),
			        found.list[i].rule, "%s", found.list[i].message);
	}
	model_problems_done(&found);
}

bool link_fixed_read(const struct link_fixed_options *options, struct model_problems *problems,
        struct model_domain **ret_domain)
{
	unsigned before = problems->total;
	struct model_domain *domain = model_domain_new();
	read_name(domain, options->domain, problems);
	read_addresses(domain, &domain->origin, "--origin", options->origins, options->origin_count,
	        problems);
	if (options->backup_count != 0) {
		domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
		model_domain_init_origin(domain->backup);
		read_addresses(domain, domain->backup, "--backup", options->backups,
		        options->backup_count, problems);
	}
	check(domain, options->rules, problems->total == before, problems);
	if (problems->total != before) {
		model_domain_unref(domain);
		return false;
	}
	*ret_domain = domain;
	return true;
}

void link_fixed_feed(struct model_domain *domain, struct link_sink *sink)
{
	const struct model_change change = {.name = domain->name, .domain = domain};
	sink->on_changes(sink, &change, 1, 1);
}
