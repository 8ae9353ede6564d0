/*
 * What the steward does about states (origin-pull.md section 3): it confirms a connection failure
 * by two TCP probes of its own, wakes up when a block is over and sends the one background probe,
 * ends slow starts, and remembers who was blocked until that is forgiven. On the steward's loop.
 */
#pragma once

#include "origin/active.h"
#include "origin/check.h"
#include "origin/health.h"

struct origin_probe;

struct origin_probe_options {
	struct loop *loop;
	struct origin_checker *checker;
	struct origin_active *active; /* has the configured probes of servers */
	uint32_t confirm_gap_ms;      /* between two probes that confirm */
	uint32_t timeout_ms;          /* of a TCP probe */
	uint32_t forgive_ms, ramp_ms; /* as in the health table */
};

struct origin_probe *origin_probe_new(const struct origin_probe_options *options);
void origin_probe_free(struct origin_probe *probe);

/* A host had a connection failure: two TCP probes, and where both fail it is blocked. Nothing
 * happens when they run already. */
void origin_probe_confirm(struct origin_probe *probe, struct origin_host *host);

/* The state of a host or a server changed (the other is NULL): does what the state it is in now
 * needs. */
void origin_probe_follow(
        struct origin_probe *probe, struct origin_host *host, struct origin_server *server);
