/*
 * There are some forty routes, so they are looked at one after the other, segment by segment.
 */
#include "control/route.h"

#include "control/api.h"

static const struct control_route ROUTES[] = {
#define ROUTE(id, method, path, role, lane, body, queries, words)                                  \
	{#id, {path, sizeof(path) - 1}, HTTP_##method, CONTROL_##role, CONTROL_##lane,             \
	        CONTROL_##body, queries, words, control_api_##id},
#include "control/route.def"
#undef ROUTE
};

/* Whether the path is one of the route's. */
static bool is_match(struct str pattern, struct str path, struct str names[CONTROL_ROUTE_NAMES])
{
	unsigned count = 0;
	while (pattern.len != 0 && path.len != 0) {
		struct str expected = str_cut(&pattern, '/'), segment = str_cut(&path, '/');
		bool is_name = str_is_equal(expected, STR("{}"));
		if (is_name && segment.len != 0)
			names[count++] = segment;
		else if (is_name || !str_is_equal(expected, segment))
			return false;
	}
	/* Neither has more; a slash at the end of the path is more. */
	return pattern.at == NULL && path.at == NULL;
}

enum control_found control_route_find(enum http_method method, struct str path,
        const struct control_route **ret_route, struct str ret_names[CONTROL_ROUTE_NAMES])
{
	enum control_found found = CONTROL_NO_PATH;
	struct str names[CONTROL_ROUTE_NAMES] = {0};
	if (method == HTTP_HEAD)
		method = HTTP_GET;
	for (size_t i = 0; i < ARRAY_LENGTH(ROUTES); i++) {
		if (!is_match(ROUTES[i].path, path, names))
			continue;
		*ret_route = &ROUTES[i];
		found = CONTROL_NO_METHOD;
		if (ROUTES[i].method != method)
			continue;
		for (unsigned j = 0; j < CONTROL_ROUTE_NAMES; j++)
			ret_names[j] = names[j];
		return CONTROL_FOUND;
	}
	return found;
}

const char *control_route_method(const struct control_route *route)
{
	switch (route->method) {
	case HTTP_GET:
		return "GET";
	case HTTP_POST:
		return "POST";
	case HTTP_PUT:
		return "PUT";
	case HTTP_DELETE:
		return "DELETE";
	case HTTP_PATCH:
		return "PATCH";
	case HTTP_HEAD:
	case HTTP_OPTIONS:
	case HTTP_TRACE:
	case HTTP_CONNECT:
	case HTTP_OTHER:
		break;
	}
	CHECK(false);
	return "";
}

void control_route_add_allowed(const struct control_route *route, struct text *to)
{
	unsigned count = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(ROUTES); i++) {
		if (!str_is_equal(ROUTES[i].path, route->path))
			continue;
		text_addf(to, "%s%s%s", count++ == 0 ? "" : ", ", control_route_method(&ROUTES[i]),
		        ROUTES[i].method == HTTP_GET ? ", HEAD" : "");
	}
	text_add(to, STR(", OPTIONS"));
}

const struct control_route *control_route_at(size_t index)
{
	return index < ARRAY_LENGTH(ROUTES) ? &ROUTES[index] : NULL;
}
