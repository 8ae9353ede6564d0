/*
 * The settings of the whole server, made from one table (settings.def): the struct, the defaults,
 * the readers of file and flags, the rules among them, help and documentation. Made once at the
 * start of a process, then only read.
 */
#pragma once

#include "main/words.h"
#include "model/host.h"

#include <stdint.h>

enum settings_type {
	SETTINGS_STRING,
	SETTINGS_SWITCH,
	SETTINGS_CHOICE, /* the index of what `allowed` lists */
	SETTINGS_INTEGER,
	SETTINGS_BYTES,
	SETTINGS_DURATION,  /* in milliseconds */
	SETTINGS_ADDRESSES, /* and the word "off", where `allowed` begins with it */
	SETTINGS_PREFIXES,
	SETTINGS_SERVERS,
	SETTINGS_DISKS,
};

#define SETTINGS_MEMBER_STRING(name)    char *name;
#define SETTINGS_MEMBER_SWITCH(name)    bool name;
#define SETTINGS_MEMBER_CHOICE(name)    unsigned name;
#define SETTINGS_MEMBER_INTEGER(name)   uint64_t name;
#define SETTINGS_MEMBER_BYTES(name)     uint64_t name;
#define SETTINGS_MEMBER_DURATION(name)  uint64_t name##_ms;
#define SETTINGS_MEMBER_ADDRESSES(name) struct words name;
#define SETTINGS_MEMBER_PREFIXES(name)  struct words name;
#define SETTINGS_MEMBER_SERVERS(name)   struct words name;
#define SETTINGS_MEMBER_DISKS(name)     struct words name;

struct settings {
#define SETTING(name, type, allowed, standard, words) SETTINGS_MEMBER_##type(name)
#include "main/settings.def"
#undef SETTING
};

/* A row of the table. */
struct setting {
	struct str name;      /* "head_timeout" */
	const char *allowed;  /* "100ms-1h", "0|16m-1g", "classic|extended", or "" */
	const char *standard; /* the default as in documents */
	const char *words;
	uint8_t type; /* enum settings_type */
	uint16_t offset;
};

/* Every setting at its default. Freed by settings_done. */
void settings_init(struct settings *settings);
void settings_done(struct settings *settings);

/* The row at `index`; NULL behind the last. */
const struct setting *settings_at(size_t index);

/* The row with this name, written with underscores or hyphens; NULL when there is none. */
const struct setting *settings_find(struct str name);

/* The name that was probably meant; empty when nothing is near. */
struct str settings_suggest(struct str name);

bool settings_is_list(const struct setting *setting);

/* Sets from text; a list gets one item more. On false the setting is as before, *ret_why tells why.
 */
MUST_CHECK bool settings_set(struct settings *settings, const struct setting *setting,
        struct str text, struct model_why *ret_why);

/* An item of a list of DISKS. */
struct settings_disk {
	struct str path; /* a piece of the item */
	uint64_t bytes;
};

/* Reads one: false when it is no PATH:SIZE. */
MUST_CHECK bool settings_read_disk(struct str item, struct settings_disk *ret_disk);

/* Empties a list. */
void settings_clear(struct settings *settings, const struct setting *setting);

/*
 * Reads a YAML file of settings over those that are there; every problem is added with its place.
 * False when there was one, also when the file cannot be read; settings may have changed then.
 */
MUST_CHECK bool settings_read_file(
        struct settings *settings, const char *path, struct model_problems *problems);

/* Holds the settings against each other and against this machine; false when problems were added.
 */
MUST_CHECK bool settings_check(const struct settings *settings, struct model_problems *problems);

/* Whether there are addresses for the API: it is neither empty nor off. */
bool settings_has_api(const struct settings *settings);

/* The same for TLS to clients. */
bool settings_has_tls(const struct settings *settings);

/* The same for metrics. */
bool settings_has_metrics(const struct settings *settings);

/* The same for `link`. */
bool settings_has_link(const struct settings *settings);

/* Whether `control` is another machine's: HOST:PORT. */
bool settings_has_remote_control(
        const struct settings *settings, struct model_host *ret_host, uint16_t *ret_port);

/* Whether two items of lists of ADDRESSES, neither of them off, cannot both be listened at. */
bool settings_is_same_address(const char *a, const char *b);

/* The prefixes of trusted_proxies, which were checked when they were read; the caller frees them.
 */
struct address_prefix *settings_trusted(const struct settings *settings, unsigned *ret_count);

/* How many workers that is on this machine: at least 1. */
unsigned settings_workers(const struct settings *settings);

/* Adds the flags that make these settings of the defaults. */
void settings_add_flags(const struct settings *settings, struct words *to);

/* Adds the flag's name: "--head-timeout". */
void settings_add_flag_name(const struct setting *setting, struct text *to);
