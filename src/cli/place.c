/*
 * The file has two lines: the token, and the URL that it is for. A file of somebody's own
 * (--token-file) may have the first alone; then it is for wherever one sends it.
 */
#include "cli/place.h"

#include "base/address.h"
#include "cli/file.h"
#include "cli/terminal.h"
#include "http/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char STANDARD[] = "http://127.0.0.1:8081";

enum { FILE_BYTES = 4096, TOKEN_BYTES = 512 };

/* ---- URLs ---- */

/* Cuts a URL; false when it is none. */
static bool cut_url(struct str url, bool *ret_is_tls, struct http_authority *ret_authority,
        struct str *ret_path)
{
	bool is_tls = str_has_prefix(url, STR("https://"));
	if (!is_tls && !str_has_prefix(url, STR("http://")))
		return false;
	size_t start = is_tls ? strlen("https://") : strlen("http://");
	struct str rest = str_make(url.at + start, url.len - start);
	ptrdiff_t slash = str_find(rest, '/');
	struct str host = str_make(rest.at, slash < 0 ? rest.len : (size_t)slash);
	*ret_is_tls = is_tls;
	*ret_path = str_make(rest.at + host.len, rest.len - host.len);
	return http_uri_parse_authority(host, ret_authority) && ret_authority->host.len != 0;
}

bool cli_place_is_url(struct str url)
{
	struct http_authority authority;
	struct str path;
	bool is_tls;
	if (!cut_url(url, &is_tls, &authority, &path) || !http_uri_has_valid_escapes(path))
		return false;
	for (size_t i = 0; i < path.len; i++) {
		if (path.at[i] <= ' ' || path.at[i] == 0x7f ||
		        strchr("?#\"<>\\^`{|}", path.at[i]) != NULL)
			return false;
	}
	return true;
}

/* A name that merely begins like such an address is anybody's. */
static bool is_loopback(struct str host)
{
	struct address_prefix loopback;
	struct address address;
	CHECK(address_prefix_parse(STR("127.0.0.0/8"), &loopback));
	return address_parse_ip(host, 0, &address) && address_is_in(&address, &loopback);
}

bool cli_place_is_private(struct str url)
{
	struct http_authority authority;
	struct str path;
	bool is_tls;
	if (!cut_url(url, &is_tls, &authority, &path))
		return false;
	return is_tls || str_is_equal(authority.host, STR("localhost")) ||
	       str_is_equal(authority.host, STR("[::1]")) || is_loopback(authority.host);
}

/* ---- tokens ---- */

/* Words that can stand in a header. */
static bool is_token(struct str token)
{
	for (size_t i = 0; i < token.len; i++) {
		if (token.at[i] <= ' ' || token.at[i] >= 0x7f)
			return false;
	}
	return token.len != 0 && token.len <= TOKEN_BYTES;
}

static void find_path(struct text *to)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (config != NULL && config[0] == '/')
		text_addf(to, "%s/headwater/token", config);
	else if (home != NULL && home[0] == '/')
		text_addf(to, "%s/.config/headwater/token", home);
}

static bool refuse_token(struct model_problems *problems, const char *where)
{
	model_problems_add(problems, NULL, 0, where, "token", "has no token");
	return false;
}

/* Takes what a file says; a place that was said otherwise must be the one that it is for. */
static bool take_file(struct cli_place *place, struct str content, const char *where,
        struct arena *arena, struct model_problems *problems)
{
	struct str rest = content;
	struct str token = str_trim(str_cut(&rest, '\n'));
	struct str api = str_trim(str_cut(&rest, '\n'));
	if (!is_token(token) || (api.len != 0 && !cli_place_is_url(api)))
		return refuse_token(problems, where);
	if (place->api == NULL && api.len != 0)
		place->api = arena_copy(arena, api).at;
	else if (api.len != 0 && !str_is_equal(str_of(place->api), api))
		return true; /* it is another's */
	text_add(&place->token, token);
	return true;
}

static bool read_token_file(struct cli_place *place, const char *path, struct arena *arena,
        struct model_problems *problems)
{
	struct text content = {0};
	if (!cli_file_read(path, FILE_BYTES, &content, problems))
		return false;
	bool is_taken = take_file(place, text_str(&content), path, arena, problems);
	cli_terminal_wipe(&content);
	return is_taken;
}

/* One that makes no sense is none: `headwater login` must be able to put another in its place. */
static bool read_stored(
        struct cli_place *place, struct arena *arena, struct model_problems *problems)
{
	struct text content = {0};
	struct model_problems ignored = {0};
	if (!cli_file_read(text_c(&place->path), FILE_BYTES, &content, problems))
		return false;
	place->is_stored =
	        take_file(place, text_str(&content), text_c(&place->path), arena, &ignored);
	model_problems_done(&ignored);
	cli_terminal_wipe(&content);
	return true;
}

static bool find_token(const struct cli_line *line, struct arena *arena, struct cli_place *place,
        struct model_problems *problems)
{
	const char *file = cli_line_value(line, CLI_FLAG_TOKEN_FILE);
	const char *variable = getenv("HEADWATER_TOKEN");
	if (file != NULL)
		return read_token_file(place, file, arena, problems);
	if (variable != NULL && variable[0] != '\0') {
		if (!is_token(str_of(variable)))
			return refuse_token(problems, "HEADWATER_TOKEN");
		text_add(&place->token, str_of(variable));
		return true;
	}
	if (place->path.len == 0 || access(text_c(&place->path), F_OK) != 0)
		return true;
	return read_stored(place, arena, problems);
}

bool cli_place_find(const struct cli_line *line, struct arena *arena, struct cli_place *ret_place,
        struct model_problems *problems)
{
	const char *flag = cli_line_value(line, CLI_FLAG_API), *variable = getenv("HEADWATER_API");
	const char *api = flag != NULL                              ? flag
	                  : variable != NULL && variable[0] != '\0' ? variable
	                                                            : NULL;
	*ret_place = (struct cli_place){0};
	find_path(&ret_place->path);
	if (api != NULL) {
		struct str url = str_of(api);
		while (url.len != 0 && url.at[url.len - 1] == '/')
			url.len--;
		if (!cli_place_is_url(url)) {
			model_problems_add(problems, NULL, 0,
			        flag != NULL ? "--api" : "HEADWATER_API", "syntax",
			        "is no URL such as %s", STANDARD);
			return false;
		}
		ret_place->api = arena_copy(arena, url).at;
	}
	if (!find_token(line, arena, ret_place, problems))
		return false;
	if (ret_place->api == NULL)
		ret_place->api = STANDARD;
	return true;
}

bool cli_place_keep(const struct cli_place *place, struct str token)
{
	struct text content = {0};
	if (place->path.len == 0) {
		errno = ENOENT;
		return false;
	}
	text_addf(&content, "%.*s\n%s\n", STR_ARG(token), place->api);
	bool is_kept = cli_file_write_private(text_c(&place->path), text_str(&content));
	cli_terminal_wipe(&content);
	return is_kept;
}

void cli_place_forget(const struct cli_place *place)
{
	unlink(text_c(&place->path));
}

void cli_place_done(struct cli_place *place)
{
	cli_terminal_wipe(&place->token);
	text_done(&place->path);
}
