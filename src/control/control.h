/*
 * The control plane of one process: the store, the API, and the link to the edges. Made by main/,
 * which owns the settings, the sockets and the processes around it.
 *
 * One thread turns the loop; what may wait for a disk, and what takes long, runs on threads of its
 * own. A store that cannot be opened is tried again; until then the API says what is wrong.
 */
#pragma once

#include "base/address.h"
#include "model/read.h"
#include "net/loop.h"

struct control_options {
	const int *listeners; /* of the API; they stay the caller's */
	unsigned listener_count;
	int link;         /* listens for edges (net/local.h); the control's from now on; -1: none */
	const int *links; /* listen for edges of other machines; they stay the caller's */
	unsigned link_count;
	const char *link_identity; /* the file that shows them who we are; copied */
	const char *store_path;    /* of the database; copied, as the strings below */
	const char *key_path;      /* of the key of its secrets */
	const char *reset_path;    /* a file that asks for a new password of admin, and goes then */
	const char *console;       /* the folder of the console's files; NULL: none */
	const char *domains; /* the file that domains are managed by; NULL: the store has them */
	const struct address_prefix *trusted; /* proxies in front of the API; copied */
	unsigned trusted_count;
	enum model_rules rules; /* where the settings in the store say nothing of them */
	uint32_t drain_timeout_ms;
};

struct control;

/* Makes it; hash_init was called. NULL and a log line when the machine refuses. */
struct control *control_new(const struct control_options *options);

/* NULL is fine. */
void control_free(struct control *control);

/* The loop that control_run turns, for signals. */
struct loop *control_loop(struct control *control);

/* Accepts requests and edges until a drain has ended. Returns the exit code of the process. */
int control_run(struct control *control);

/* On the loop's thread: no more requests, those in flight end within the drain timeout. */
void control_drain(struct control *control);
