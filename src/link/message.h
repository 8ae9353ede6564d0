/*
 * Messages between the control plane and an edge: a head of eight bytes (the length of what
 * follows, little-endian, in four; the kind in one; three zeros), then a JSON object. Pure.
 */
#pragma once

#include "base/limit.h"
#include "base/str.h"
#include "link/command.h"
#include "link/filter.h"

#include <stdint.h>

enum link_message_kind {
#define MESSAGE(id, number, words) LINK_SAYS_##id = (number),
#include "link/message.def"
#undef MESSAGE
};

enum { LINK_MESSAGE_HEAD_BYTES = 8, LINK_MESSAGE_VERSION = 5 };

/* "HELLO"; NULL for what is no kind. */
const char *link_message_name(unsigned kind);

/* Adds a message; the payload has at most LIMIT_LINK_MESSAGE_BYTES. */
void link_message_print(enum link_message_kind kind, struct str payload, struct text *to);

enum link_message_take {
	LINK_MESSAGE_TAKEN,
	LINK_MESSAGE_MORE, /* it is not there whole */
	LINK_MESSAGE_BAD,  /* it is none: nothing behind it can be told */
};

/* Cuts the first message off *rest; its payload lies in there. */
MUST_CHECK enum link_message_take link_message_take(
        struct str *rest, enum link_message_kind *ret_kind, struct str *ret_payload);

/* ---- what is in them ---- */

/* A name that the store had, and the last that was made under it. */
struct link_past {
	struct str store;
	uint64_t revision, purged;
};

struct link_hello {
	struct str id;  /* of the edge, whose processes have one cache, or of the control's machine:
	                 * 1-128 visible characters */
	struct str run; /* tells one process from the next one; as long */
	struct str version; /* of the program that says it, 0-128 visible characters */
	struct str store;   /* which revisions and purges are meant; empty: none */
	uint64_t revision;
	uint64_t purged; /* of an edge: the purge of that store up to which all are durable in its
	                  * cache; of the control plane: its last one */
	uint64_t oldest; /* of the control plane: the lowest purge that it has */
	const struct link_past *past; /* of the control plane: of its store */
	unsigned past_count;          /* at most LIMIT_LINK_EPOCHS */
};

/* Whether a revision and a purge of a store are such as the control plane that said this knows. */
bool link_message_is_known(
        const struct link_hello *hello, struct str store, uint64_t revision, uint64_t purged);

void link_message_print_hello(const struct link_hello *hello, struct text *to);

/* Reads the object of a HELLO; texts are the arena's. On false a sentence that tells why is added
 * to ret_error. */
MUST_CHECK bool link_message_read_hello(struct arena *arena, struct str payload,
        struct link_hello *ret_hello, struct text *ret_error);

/* Reads one that was kept, by whatever version: store, revision and purged. */
MUST_CHECK bool link_message_read_kept_hello(
        struct arena *arena, struct str payload, struct link_hello *ret_hello);

/* The objects with one number, and a text beside it or none: {"revision":8}, {"id":4,"error":""}.
 */
void link_message_print_number(
        const char *key, uint64_t number, const char *error, struct text *to);
MUST_CHECK bool link_message_read_number(struct arena *arena, struct str payload, const char *key,
        uint64_t *ret_number, struct str *ret_error);

/* {"name":"…"} */
void link_message_print_name(struct str name, struct text *to);
MUST_CHECK bool link_message_read_name(
        struct arena *arena, struct str payload, struct str *ret_name);

/* A purge as link_command_print makes it, with or without its line feed. */
void link_message_print_purge(uint64_t number, struct str line, struct text *to);

/* Reads it; false: it is none. One that has a number, but not the words of a purge, is told by what
 * is added to ret_error. */
MUST_CHECK bool link_message_read_purge(struct arena *arena, struct str payload,
        uint64_t *ret_number, struct link_purge *ret_purge, struct text *ret_error);

/* What became of a purge. */
struct link_purged {
	uint64_t number;  /* of the purge */
	uint64_t purged;  /* that and all before it are done, or have failed for good */
	struct str error; /* empty: done */
};

void link_message_print_purged(const struct link_purged *purged, struct text *to);
MUST_CHECK bool link_message_read_purged(
        struct arena *arena, struct str payload, struct link_purged *ret_purged);

/* ---- certificates ---- */

/* Texts are in PEM. */
struct link_message_certificate {
	struct str name; /* 1 to LIMIT_CERTIFICATE_NAME_BYTES visible characters */
	uint64_t revision;
	struct str chain; /* at most LIMIT_CERTIFICATE_BYTES */
	struct str key;   /* at most LIMIT_CERTIFICATE_KEY_BYTES */
};

void link_message_print_certificate(
        const struct link_message_certificate *certificate, struct text *to);
MUST_CHECK bool link_message_read_certificate(
        struct arena *arena, struct str payload, struct link_message_certificate *ret_certificate);

/* *ret_names is a list of at most LIMIT_CERTIFICATES texts. */
MUST_CHECK bool link_message_read_certificates(struct arena *arena, struct str payload,
        uint64_t *ret_revision, const struct model_node **ret_names);

/* ---- questions ---- */

/* `question` is a JSON object. */
void link_message_print_ask(uint64_t number, struct str what, struct str question, struct text *to);

/* *ret_question may be anything. */
MUST_CHECK bool link_message_read_ask(struct arena *arena, struct str payload, uint64_t *ret_number,
        struct str *ret_what, const struct model_node **ret_question);

struct link_told {
	uint64_t number;   /* of the question */
	struct str error;  /* why there is no answer; empty: there is one */
	struct str answer; /* the text of a JSON object; empty where there is none */
};

void link_message_print_answer(const struct link_told *told, struct text *to);

/* Whether the answer is JSON is for whoever reads it to see. */
MUST_CHECK bool link_message_read_answer(
        struct arena *arena, struct str payload, struct link_told *ret_told);

/* ---- reports ---- */

enum link_report_kind { LINK_REPORT_HEALTH, LINK_REPORT_COUNTERS, LINK_REPORT_LOG, LINK_REPORTS };

/* The message that a report is sent by; and the other way round, LINK_REPORTS for what is none. */
enum link_message_kind link_message_of_report(enum link_report_kind kind);
enum link_report_kind link_message_report_of(enum link_message_kind kind);

/* Which reports are wanted, and how often; 0: not. Of the log, the requests that any of the filters
 * lets through. Without pointers, so that it can be compared as it lies there. */
struct link_subscription {
	uint32_t every_ms[LINK_REPORTS];
	uint32_t filter_count;
	struct link_filter filters[LIMIT_TAIL_STREAMS]; /* all-zero behind them */
};

void link_message_print_subscription(const struct link_subscription *subscription, struct text *to);
MUST_CHECK bool link_message_read_subscription(
        struct arena *arena, struct str payload, struct link_subscription *ret_subscription);

/* A part of a report, or all of it. */
struct link_report_head {
	bool has_more;    /* another message of the same report follows */
	uint64_t dropped; /* how many items there is no room for */
};

/* `items` are JSON objects with commas between them. */
void link_message_print_report(
        const struct link_report_head *head, struct str items, struct text *to);

/* *ret_items is a list, whose members may be anything. */
MUST_CHECK bool link_message_read_report(struct arena *arena, struct str payload,
        struct link_report_head *ret_head, const struct model_node **ret_items);
