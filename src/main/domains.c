/*
 * model/ reads files, link/ flags; here they meet the settings.
 */
#include "main/domains.h"

#include "base/limit.h"
#include "link/fixed.h"
#include "main/file.h"

#include <unistd.h>

bool domains_read_file(const char *path, enum model_rules rules, struct model_domains *ret_domains,
        struct model_problems *problems)
{
	struct text content = {0};
	if (!file_read(path, LIMIT_DOMAINS_FILE_BYTES, &content, problems))
		return false;
	bool is_good = model_read_domains(text_str(&content), path, rules, problems, ret_domains);
	text_done(&content);
	return is_good;
}

bool domains_read_flags(const struct invocation *invocation, struct model_domain **ret_domain,
        struct model_problems *problems)
{
	CHECK(invocation->name != NULL);
	const struct link_fixed_options options = {
	        .domain = invocation->name,
	        .origins = (const char *const *)invocation->origins.list,
	        .origin_count = invocation->origins.count,
	        .backups = (const char *const *)invocation->backups.list,
	        .backup_count = invocation->backups.count,
	        .rules = (enum model_rules)invocation->settings.origin_rules,
	};
	return link_fixed_read(&options, problems, ret_domain);
}

bool domains_check(const struct invocation *invocation, struct model_problems *problems)
{
	const struct settings *settings = &invocation->settings;
	struct model_domains domains;
	struct model_domain *domain;
	switch (invocation_source(invocation)) {
	case INVOCATION_FLAGS:
		if (!domains_read_flags(invocation, &domain, problems))
			return false;
		model_domain_unref(domain);
		return true;
	case INVOCATION_FILE:
		if (!domains_read_file(settings->domains, (enum model_rules)settings->origin_rules,
		            &domains, problems))
			return false;
		model_domains_done(&domains);
		return true;
	case INVOCATION_CONTROL:
	case INVOCATION_STORE:
		return true;
	}
	return false;
}

void domains_add_journal_path(const struct settings *settings, struct text *to)
{
	if (settings->state_dir[0] != '\0')
		text_addf(to, "%s/domains.journal", settings->state_dir);
}

void domains_add_ledger_path(const struct settings *settings, struct text *to)
{
	if (settings->state_dir[0] != '\0')
		text_addf(to, "%s/domains.ledger", settings->state_dir);
}

void domains_add_purges_path(const struct settings *settings, struct text *to)
{
	if (settings->state_dir[0] != '\0')
		text_addf(to, "%s/purges.ledger", settings->state_dir);
}

bool domains_has_journal(const struct settings *settings)
{
	struct text path = {0};
	domains_add_journal_path(settings, &path);
	bool has = path.len != 0 && access(text_c(&path), R_OK) == 0;
	text_done(&path);
	return has;
}
