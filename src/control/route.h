/*
 * The operations of the API (route.def), found by the path and the method of a request. Pure.
 */
#pragma once

#include "http/method.h"
#include "store/accounts.h"

struct control_call;

/* Who may; a role may what those below it may. */
enum control_role {
	CONTROL_NOBODY,   /* whoever asks */
	CONTROL_CHANGING, /* somebody whose password must be changed */
	CONTROL_VIEWER,
	CONTROL_OPERATOR,
	CONTROL_ADMIN
};

/* Where an operation runs. */
enum control_lane {
	CONTROL_MEMORY,   /* it waits for nothing */
	CONTROL_DISK,     /* it asks the store, and may wait for it */
	CONTROL_READ,     /* the same; it may read much, and no change waits for that */
	CONTROL_PASSWORD, /* the same; it hashes a password besides */
	CONTROL_EDGES,    /* it asks edges, and may wait for them */
	CONTROL_LANES,
	/* On the loop's thread at once. Its answer may be a stream of events. */
	CONTROL_LOOP = CONTROL_LANES
};

/* What the body of a request is. */
enum control_body {
	CONTROL_NONE,
	CONTROL_FORM,  /* a small JSON object */
	CONTROL_JSON,  /* a JSON object */
	CONTROL_PATCH, /* a merge patch */
	CONTROL_YAML   /* a domains file */
};

/* Whether what runs there needs the store. */
static inline bool control_lane_has_store(enum control_lane lane)
{
	return lane == CONTROL_DISK || lane == CONTROL_READ || lane == CONTROL_PASSWORD;
}

struct control_route {
	const char *id;
	struct str path; /* "{}" stands for a name */
	enum http_method method;
	enum control_role role;
	enum control_lane lane;
	enum control_body body;
	const char *queries; /* the parameters that there may be, with spaces between them */
	const char *words;
	void (*run)(struct control_call *call); /* on a thread of its lane */
};

enum { CONTROL_ROUTE_NAMES = 2 };

enum control_found {
	CONTROL_FOUND,
	CONTROL_NO_PATH,  /* 404 */
	CONTROL_NO_METHOD /* 405 */
};

/* Finds the route of a path without its query (HEAD is as GET), and the parts of the path that are
 * names, not decoded. On NO_METHOD *ret_route is any route of the path. */
enum control_found control_route_find(enum http_method method, struct str path,
        const struct control_route **ret_route, struct str ret_names[CONTROL_ROUTE_NAMES]);

/* Adds what Allow says for the path of a route: "GET, HEAD, PUT". */
void control_route_add_allowed(const struct control_route *route, struct text *to);

/* The route at `index`; NULL behind the last. */
const struct control_route *control_route_at(size_t index);

/* "GET" */
const char *control_route_method(const struct control_route *route);
