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

/* Where the domains come from. */
enum invocation_source {
	INVOCATION_FLAGS,   /* one, by flags */
	INVOCATION_FILE,    /* the file of `domains` */
	INVOCATION_CONTROL, /* a control plane that runs by itself, at the socket of `control` */
	INVOCATION_STORE,   /* the store in `state_dir`, by way of a control process */
};

/*
 * Reads the words behind the command, and the file of --config below them: flags win. Every problem
 * is added; on false *ret_invocation is untouched. The domains are not looked at yet. Freed by
 * invocation_done.
 */
MUST_CHECK bool invocation_read(
        char *const *words, struct invocation *ret_invocation, struct model_problems *problems);

/* The same for the words of `control`, who takes no domain by flags, and needs its folder and an
 * address. */
MUST_CHECK bool invocation_read_control(
        char *const *words, struct invocation *ret_invocation, struct model_problems *problems);
void invocation_done(struct invocation *invocation);

enum invocation_source invocation_source(const struct invocation *invocation);

/* Whether a supervisor keeps a control process. */
bool invocation_has_control(const struct invocation *invocation);

/* Adds the path of the socket that the control plane listens at for edges; nothing where they have
 * their domains by other ways. */
void invocation_add_link_path(const struct invocation *invocation, struct text *to);

/* Adds the flags that ask for just the same without the file of --config, which may have changed
 * since. */
void invocation_add_flags(const struct invocation *invocation, struct words *to);

/* Adds the flags' help. */
void invocation_help(struct text *to);
