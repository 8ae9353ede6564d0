/*
 * A reference is taken apart from the left: scheme, authority, path, query; what it leaves out is
 * the base's (RFC 3986 5.2.2). Dot segments are taken out of the path that results (5.2.4).
 */
#include "http/reference.h"

#include "http/scan_private.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

/* Cuts "scheme:" off *rest; false where there is none. Its end is before any slash or question
 * mark, so that what has a colon there is no path. */
static bool cut_scheme(struct str *rest, struct str *ret_scheme)
{
	size_t length = 0;
	while (length < rest->len && rest->at[length] != ':' && rest->at[length] != '/' &&
	        rest->at[length] != '?')
		length++;
	if (length == rest->len || rest->at[length] != ':')
		return false;
	*ret_scheme = str_cut(rest, ':');
	return true;
}

static struct str behind(struct str text, size_t count)
{
	return str_make(text.at + count, text.len - count);
}

static uint16_t port_of(const struct http_authority *authority, bool is_https)
{
	if (authority->port != 0)
		return authority->port;
	return is_https ? PORT_HTTPS : PORT_HTTP;
}

static bool is_same_authority(const struct http_reference_base *base, struct str text)
{
	struct http_authority ours, theirs;
	char our_host[LIMIT_HOST_BYTES + 1], their_host[LIMIT_HOST_BYTES + 1];
	if (!http_uri_parse_authority(base->host, &ours) ||
	        !http_uri_parse_authority(text, &theirs))
		return false;
	return port_of(&ours, base->is_https) == port_of(&theirs, base->is_https) &&
	       str_is_equal(http_uri_normal_host(ours.host, our_host),
	               http_uri_normal_host(theirs.host, their_host));
}

/* Cuts "authority" off *rest; false where it is another's. */
static bool cut_authority(const struct http_reference_base *base, struct str *rest)
{
	size_t length = 0;
	while (length < rest->len && rest->at[length] != '/' && rest->at[length] != '?')
		length++;
	struct str authority = str_make(rest->at, length);
	*rest = behind(*rest, length);
	return is_same_authority(base, authority);
}

/* Removes the dot segments of a path that begins with a slash; writes no more than it reads. */
static char *write_path(char *to, struct str path)
{
	char *start = to;
	while (path.len > 0) {
		size_t length = 1;
		while (length < path.len && path.at[length] != '/')
			length++;
		struct str segment = str_make(path.at + 1, length - 1);
		bool is_up = str_is_equal(segment, STR(".."));
		if (is_up || str_is_equal(segment, STR("."))) {
			while (is_up && to > start && *--to != '/')
				;
			if (length == path.len)
				*to++ = '/';
		} else {
			memcpy(to, path.at, length);
			to += length;
		}
		path = behind(path, length);
	}
	return to;
}

/* The base's path up to its last slash, which stands before a reference like "b?c". */
static struct str folder_of(struct str path)
{
	while (path.len > 0 && path.at[path.len - 1] != '/')
		path.len--;
	return path;
}

/* Cuts scheme and authority off *rest; false where they are not the base's. */
static bool cut_front(
        const struct http_reference_base *base, struct str *rest, bool *ret_has_authority)
{
	struct str scheme;
	bool has_scheme = cut_scheme(rest, &scheme);
	if (has_scheme && !str_is_equal_nocase(scheme, base->is_https ? STR("https") : STR("http")))
		return false;
	*ret_has_authority = str_has_prefix(*rest, STR("//"));
	if (!*ret_has_authority)
		return !has_scheme; /* "http:path" has no meaning of its own any more (5.4.2) */
	*rest = behind(*rest, 2);
	return cut_authority(base, rest);
}

bool http_reference_resolve(const struct http_reference_base *base, struct str reference,
        struct arena *arena, struct str *ret_path)
{
	struct str rest = str_cut(&reference, '#'), path, query, base_path, base_query;
	bool has_authority;
	http_uri_cut_query(base->path, &base_path, &base_query);
	if ((rest.len > 0 && http_scan_visible(rest) != rest.len) || base_path.len == 0 ||
	        base_path.at[0] != '/' || !cut_front(base, &rest, &has_authority))
		return false;
	if (rest.len == 0) {
		*ret_path = has_authority ? STR("/") : base->path;
		return true;
	}
	bool has_query = str_find(rest, '?') >= 0;
	http_uri_cut_query(rest, &path, &query);

	struct str front = STR_EMPTY;
	if (path.len == 0)
		path = has_authority ? STR("/") : base_path;
	else if (path.at[0] != '/')
		front = folder_of(base_path);
	char *joined = arena_alloc(arena, front.len + path.len);
	char *to = arena_alloc(arena, front.len + path.len + 1 + query.len + 1);
	if (front.len > 0)
		memcpy(joined, front.at, front.len);
	memcpy(joined + front.len, path.at, path.len);
	char *end = write_path(to, str_make(joined, front.len + path.len));
	if (has_query) {
		*end++ = '?';
		if (query.len > 0)
			memcpy(end, query.at, query.len);
		end += query.len;
	}
	*ret_path = str_make(to, (size_t)(end - to));
	return true;
}
