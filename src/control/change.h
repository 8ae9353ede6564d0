/*
 * A change of one domain by a request of the API: it is found as it is, held against what the
 * request says of its version, made into what is asked for, checked, and kept, or only told where
 * the request is a dry run. From begin to end nobody else changes anything. On a thread of a lane.
 */
#pragma once

#include "control/call.h"
#include "model/check.h"

struct control_change {
	struct control_call *call;
	struct model_snapshot *snapshot; /* as it is before */
	struct str name;
	struct model_domain *before; /* of the snapshot; NULL: there is none of the name */
	struct str key, fingerprint; /* of the request (store/domains.h), or empty */
	bool has_begun;
};

/* The domain of the path, as it is; false after the call was refused. In any case the change must
 * be ended. */
MUST_CHECK bool control_change_begin(struct control_change *change, struct control_call *call);

/* The same of a name (model/host.h) that there may be or not. */
MUST_CHECK bool control_change_begin_any(
        struct control_change *change, struct control_call *call, struct str name);

/* Whether the request says which version it is for: what replaces or removes must. False after it
 * was refused. */
MUST_CHECK bool control_change_must_say(struct control_change *change);

/* The domain as it is now, as a tree that may be changed; with its secrets, or masks for them. */
struct model_node *control_change_node(
        struct control_change *change, enum model_print_secrets secrets);

/* The body as an object whose nulls are of fields that there are (model_read_check_nulls) below
 * `group`, "" or a part of a domain; false after it was refused. */
MUST_CHECK bool control_change_read_body(
        struct control_call *call, struct str group, struct model_node **ret_root);

/* Makes a domain of a tree, with the secrets from before where it has masks, by the rules of this
 * server and of what may change; one reference. False after the call was refused; `prefix` is what
 * the places of problems have in front of those of the request's body. */
MUST_CHECK bool control_change_read(struct control_change *change, const struct model_node *node,
        struct str prefix, struct model_domain **ret_after);

/* The same rules for one that was made in another way. */
MUST_CHECK bool control_change_check(
        struct control_change *change, const struct model_domain *after);

/* Puts the secrets from before (NULL: there are none) in the places of masks; a mask that stands
 * for nothing is a problem. */
void control_change_keep_secrets(struct model_domain *after, const struct model_domain *before,
        const struct model_place *place, struct model_problems *problems);

/* Keeps `after`, and takes the reference; NULL: the domain goes. Answers the domain with `status`,
 * but for 204 (a dry run: what would change). What changes nothing is answered all the same.
 * `action` is what the history says. What is refused is answered, too. */
void control_change_commit(struct control_change *change, struct model_domain *after,
        const char *action, unsigned status);

void control_change_end(struct control_change *change);

/* The request's Idempotency-Key, and what tells the request from others: both empty where it has
 * none. False after it was refused. */
MUST_CHECK bool control_change_read_key(
        struct control_call *call, struct str *ret_key, struct str *ret_fingerprint);

/* What came of an earlier request with this key: DONE with *ret_request; ABSENT, where there was
 * none, or this one has no key or is a dry run; else the call was refused. */
MUST_CHECK enum store_failure control_change_find_made(struct control_call *call, struct str key,
        struct str fingerprint, struct store_request *ret_request);

/* The version that it made cannot be shown again. */
void control_change_refuse_made(struct control_call *call, enum store_failure failure);

/* Who asks, as the history names them: the account, and behind a slash the label of a token. */
struct str control_change_who(struct control_call *call);

/* Answers a domain. */
void control_change_answer(
        struct control_call *call, const struct model_domain *domain, unsigned status);

/* Adds what differs, as a JSON list of lines. */
void control_change_print_diff(
        const struct model_domain *before, const struct model_domain *after, struct text *to);

/* Adds {"name":…,"what":"created|changed|removed","diff":[…]}. */
void control_change_print(
        const struct model_domain *before, const struct model_domain *after, struct text *to);

/* Refuses what a file manages; false when one does. */
MUST_CHECK bool control_change_is_ours(struct control_call *call);
