/*
 * Where the control plane is, and which token is shown to it. A token that was kept by
 * `headwater login` is only ever sent to where it is from.
 */
#pragma once

#include "cli/line.h"

struct cli_place {
	const char *api; /* without a slash at its end */
	struct text token;
	bool is_stored;   /* the token is that of the file below */
	struct text path; /* where `headwater login` keeps it; empty where no home is known */
};

/* Looks at flags, environment and the file. The URL must be one, a token may be missing. Freed with
 * cli_place_done, also on false: then problems has an entry more. */
MUST_CHECK bool cli_place_find(const struct cli_line *line, struct arena *arena,
        struct cli_place *ret_place, struct model_problems *problems);

/* Whether it is an http or https URL with a host, perhaps a port and a path, and nothing else. */
bool cli_place_is_url(struct str url);

/* Whether what is sent there passes no network: the host is this machine's own, or it is TLS. */
bool cli_place_is_private(struct str url);

/* Keeps a token; false with errno. */
MUST_CHECK bool cli_place_keep(const struct cli_place *place, struct str token);

/* Forgets the kept token. */
void cli_place_forget(const struct cli_place *place);

void cli_place_done(struct cli_place *place);
