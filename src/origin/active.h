/*
 * Active probing (origin-pull.md section 3): origins with `probe:` are asked for a path at an
 * interval, by one prober for each different question, whoever and however many workers pull from
 * there. Verdicts go to the servers' health. On the steward's loop.
 */
#pragma once

#include "model/snapshot.h"
#include "origin/check.h"
#include "origin/names.h"
#include "origin/trust.h"

struct origin_active;

struct origin_active *origin_active_new(struct loop *loop, struct origin_checker *checker,
        struct origin_health *health, struct origin_names *names,
        struct origin_trust_table *trusts);
void origin_active_free(struct origin_active *active);

/* Which domains there are from now on; takes a reference of its own. */
void origin_active_set_snapshot(struct origin_active *active, struct model_snapshot *snapshot);

/* The server's block is over (it is PROBING): asks at once, and its verdict follows. False when the
 * server is none of those that are probed; then the caller sees to it. */
MUST_CHECK bool origin_active_probe_now(
        struct origin_active *active, const struct origin_server *server);
