/*
 * The domains that an invocation asks for.
 */
#pragma once

#include "main/invocation.h"
#include "model/read.h"

/* Reads and checks a domains file; the caller frees the domains with model_domains_done. On false
 * problems were added. */
MUST_CHECK bool domains_read_file(const char *path, enum model_rules rules,
        struct model_domains *ret_domains, struct model_problems *problems);

/* Makes and checks the domain of the flags; one reference, the caller's. On false problems were
 * added. */
MUST_CHECK bool domains_read_flags(const struct invocation *invocation,
        struct model_domain **ret_domain, struct model_problems *problems);

/* Whether what is asked for is good, be it a file or flags; what a control plane has was held
 * against the rules there. On false problems were added. */
MUST_CHECK bool domains_check(const struct invocation *invocation, struct model_problems *problems);

/* Adds the path of the last good list in the folder of state; nothing when there is no such folder.
 */
void domains_add_journal_path(const struct settings *settings, struct text *to);

/* The same for what the control plane said last (link/ledger.h). */
void domains_add_ledger_path(const struct settings *settings, struct text *to);

/* The same for the purges that it told an edge which has its domains from a file. */
void domains_add_purges_path(const struct settings *settings, struct text *to);

/* Whether there is a last good list, which an edge falls back to while the file is broken. Only the
 * edge can tell whether it is of any use. */
bool domains_has_journal(const struct settings *settings);
