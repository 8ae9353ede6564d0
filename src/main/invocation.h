/*
 * What the command line of `serve` and `edge` asks for: the settings, from a file and from flags,
 * and the domains, from a file or from flags.
 */
#pragma once

#include "main/settings.h"

struct invocation {
	struct settings settings;
	/* One domain by flags; name is NULL without. */
	char *name;
	struct words origins, backups;
	char *config; /* NULL: none */
	bool force;
};

/*
 * Reads the words behind the command, and the file of --config below them: flags win. Every problem
 * is added; on false *ret_invocation is untouched. The domains are not looked at yet. Freed by
 * invocation_done.
 */
MUST_CHECK bool invocation_read(
        char *const *words, struct invocation *ret_invocation, struct model_problems *problems);
void invocation_done(struct invocation *invocation);

/* Adds the flags that ask for just the same without the file of --config, which may have changed
 * since. */
void invocation_add_flags(const struct invocation *invocation, struct words *to);

/* Adds the flags' help. */
void invocation_help(struct text *to);
