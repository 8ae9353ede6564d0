/*
 * Each length has at most two methods, so a name is compared at most twice.
 */
#include "http/method.h"

static enum http_method either(struct str name, struct str first, enum http_method method,
        struct str second, enum http_method other)
{
	if (str_is_equal(name, first))
		return method;
	return str_is_equal(name, second) ? other : HTTP_OTHER;
}

enum http_method http_method_of(struct str name)
{
	switch (name.len) {
	case 3:
		return either(name, STR("GET"), HTTP_GET, STR("PUT"), HTTP_PUT);
	case 4:
		return either(name, STR("HEAD"), HTTP_HEAD, STR("POST"), HTTP_POST);
	case 5:
		return either(name, STR("PATCH"), HTTP_PATCH, STR("TRACE"), HTTP_TRACE);
	case 6:
		return str_is_equal(name, STR("DELETE")) ? HTTP_DELETE : HTTP_OTHER;
	case 7:
		return either(name, STR("OPTIONS"), HTTP_OPTIONS, STR("CONNECT"), HTTP_CONNECT);
	default:
		return HTTP_OTHER;
	}
}

bool http_method_is_safe(enum http_method method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS ||
	       method == HTTP_TRACE;
}
