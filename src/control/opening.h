/*
 * What is done before a store is used: it is opened, its settings and all of its domains are read,
 * and the first account is made where there is none. On a thread that may wait.
 */
#pragma once

#include "control/certificates.h"
#include "control/settings.h"
#include "model/snapshot.h"
#include "store/epochs.h"
#include "store/tasks.h"

enum { CONTROL_OPENING_PASSWORD_BYTES = 25 }; /* 24 characters, with the NUL */

struct control_opening {
	struct store_options options; /* the caller's */
	const char *reset_path;       /* a file that asks for a new password of admin; the same */
	struct store *store;          /* NULL: it could not be; the caller takes it */
	struct text error;            /* why not */
	/* What is in there: */
	struct model_change *changes; /* all domains, with a reference each */
	size_t count, cap;
	struct {
		char *name;
		uint64_t revision;
	} * gone; /* names that went, in the order of revisions */
	size_t gone_count, gone_cap;
	uint64_t revision;
	struct control_setting_set settings;
	uint64_t settings_revision;
	struct control_certificates *certificates;
	struct text
	        unusable; /* names of settings that are set to what this version does not allow */
	struct {
		uint64_t number, revision;
		char *line;
	} * purges; /* in the order of numbers */
	size_t purge_count, purge_cap;
	struct store_purge_span span; /* of their numbers */
	struct {
		char *id;
		uint64_t purged;
	} * edges; /* that were connected not long ago */
	size_t edge_count, edge_cap;
	struct store_epoch epochs[LIMIT_LINK_EPOCHS]; /* the last one is ours */
	unsigned epoch_count;
	/* Of the account `admin`, where it was made now, or was asked for; else "". */
	char password[CONTROL_OPENING_PASSWORD_BYTES];
	bool is_reset;
};

/* A password that nobody knows: 24 characters of an alphabet of 32, in which none looks like
 * another. */
void control_opening_make_password(char ret_password[CONTROL_OPENING_PASSWORD_BYTES]);

/* Begins with all but `options` zero. */
void control_opening_run(struct control_opening *opening);

/* Drops what is in there, also the store. */
void control_opening_done(struct control_opening *opening);
