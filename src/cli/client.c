/*
 * libcurl is loaded when it is needed: it brings some thirty libraries, which have no business in
 * the processes that serve. One handle is for all requests, so that a connection is used again. A
 * request that may be repeated (it only reads, or has a key) is sent a second time when its
 * connection went before an answer.
 */
#include "cli/client.h"

#include "base/limit.h"
#include "base/mem.h"

#define CURL_DISABLE_TYPECHECK /* its checks want the functions themselves */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>

#define FUNCTIONS(DO)                                                                              \
	DO(curl_global_init)                                                                       \
	DO(curl_easy_init)                                                                         \
	DO(curl_easy_setopt)                                                                       \
	DO(curl_easy_perform)                                                                      \
	DO(curl_easy_getinfo)                                                                      \
	DO(curl_easy_strerror)                                                                     \
	DO(curl_easy_cleanup)                                                                      \
	DO(curl_slist_append)                                                                      \
	DO(curl_slist_free_all)

/* The library's functions, by their names. */
static struct {
#define MEMBER(name) __typeof__(&(name)) name;
	FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

enum { CONNECT_MS = 10000, ANSWER_MS = 60000, VALUE_BYTES = 256 };

struct cli_client {
	CURL *curl;
	const char *api;
	struct str token;
	struct text csrf;
	char error[CURL_ERROR_SIZE];
};

/* What libcurl's callbacks fill. */
struct reading {
	struct cli_answer answer;
	size_t body_max;
	bool is_too_long;
};

#define SET(client, option, value)                                                                 \
	do {                                                                                       \
		CURLcode is_set = lib.curl_easy_setopt((client)->curl, option, value);             \
		CHECK(is_set == CURLE_OK);                                                         \
	} while (0)

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct reading *reading = data;
	size_t length = size * count;
	if (length > reading->body_max - reading->answer.body.len) {
		reading->is_too_long = true;
		return 0;
	}
	text_add(&reading->answer.body, str_make(bytes, length));
	return length;
}

static void take_number(struct str value, uint64_t *number)
{
	uint64_t read;
	if (str_to_u64(value, &read))
		*number = read;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
	struct reading *reading = data;
	struct cli_answer *answer = &reading->answer;
	struct str value = str_make(bytes, size * count);
	while (value.len != 0 &&
	        (value.at[value.len - 1] == '\n' || value.at[value.len - 1] == '\r'))
		value.len--;
	struct str name = str_cut(&value, ':');
	value = str_trim(value);
	if (str_has_prefix(name, STR("HTTP/"))) {
		/* An interim answer may have stood before. */
		text_clear(&answer->etag);
		answer->revision = answer->retry_after_s = 0;
	} else if (str_is_equal_nocase(name, STR("etag")) && value.len <= VALUE_BYTES) {
		text_clear(&answer->etag);
		text_add(&answer->etag, value);
	} else if (str_is_equal_nocase(name, STR("headwater-revision"))) {
		take_number(value, &answer->revision);
	} else if (str_is_equal_nocase(name, STR("retry-after"))) {
		take_number(value, &answer->retry_after_s);
	}
	return size * count;
}

/* Loads the library, which then stays; false with the loader's words. */
static bool load(struct text *ret_why)
{
	bool is_whole = true;
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		text_addf(ret_why, "libcurl is needed: %s", dlerror());
		return false;
	}
#define FIND(name)                                                                                 \
	*(void **)&lib.name = dlsym(library, #name);                                               \
	is_whole = is_whole && lib.name != NULL;
	FUNCTIONS(FIND)
#undef FIND
	if (!is_whole || lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		text_add(ret_why, STR("libcurl is not as it should be"));
		return false;
	}
	return true;
}

struct cli_client *cli_client_new(const char *api, struct str token, struct text *ret_why)
{
	if (!load(ret_why))
		return NULL;
	struct cli_client *client = mem_new(struct cli_client);
	client->api = api;
	client->token = token;
	client->curl = lib.curl_easy_init();
	CHECK(client->curl != NULL);
	SET(client, CURLOPT_ERRORBUFFER, client->error);
	SET(client, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(client, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(client, CURLOPT_FOLLOWLOCATION, 0L);
	SET(client, CURLOPT_PROXY, "");
	SET(client, CURLOPT_NOSIGNAL, 1L);
	SET(client, CURLOPT_COOKIEFILE, ""); /* none is read; those of answers are kept */
	SET(client, CURLOPT_USERAGENT, "headwater/" HEADWATER_VERSION);
	SET(client, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(client, CURLOPT_WRITEFUNCTION, on_body);
	SET(client, CURLOPT_HEADERFUNCTION, on_header);
	return client;
}

void cli_client_free(struct cli_client *client)
{
	if (client == NULL)
		return;
	lib.curl_easy_cleanup(client->curl);
	text_done(&client->csrf);
	mem_free(client);
}

void cli_client_set_csrf(struct cli_client *client, struct str csrf)
{
	text_clear(&client->csrf);
	text_add(&client->csrf, csrf);
}

static struct curl_slist *add_header(
        struct curl_slist *headers, const char *name, const char *value)
{
	struct text line = {0};
	text_addf(&line, "%s: %s", name, value);
	headers = lib.curl_slist_append(headers, text_c(&line));
	CHECK(headers != NULL);
	if (line.at != NULL)
		explicit_bzero(line.at, line.cap);
	text_done(&line);
	return headers;
}

static struct curl_slist *make_headers(
        const struct cli_client *client, const struct cli_request *request)
{
	struct curl_slist *headers = lib.curl_slist_append(NULL, "Expect:");
	headers = add_header(headers, "Accept", "application/json, application/yaml;q=0.5");
	if (client->token.len != 0) {
		struct text bearer = {0};
		text_addf(&bearer, "Bearer %.*s", STR_ARG(client->token));
		headers = add_header(headers, "Authorization", text_c(&bearer));
		explicit_bzero(bearer.at, bearer.cap);
		text_done(&bearer);
	}
	if (client->csrf.len != 0)
		headers = add_header(headers, "X-CSRF-Token", text_c(&client->csrf));
	if (request->type != NULL)
		headers = add_header(headers, "Content-Type", request->type);
	if (request->if_match != NULL)
		headers = add_header(headers, "If-Match", request->if_match);
	if (request->is_new)
		headers = add_header(headers, "If-None-Match", "*");
	if (request->idempotency_key != NULL)
		headers = add_header(headers, "Idempotency-Key", request->idempotency_key);
	return headers;
}

static void prepare(
        struct cli_client *client, const struct cli_request *request, struct reading *reading)
{
	struct text url = {0};
	uint64_t timeout_ms = request->timeout_ms != 0 ? request->timeout_ms : ANSWER_MS;
	bool has_body = request->type != NULL || strcmp(request->method, "POST") == 0;
	text_addf(&url, "%s/api/v1%s", client->api, request->path);
	SET(client, CURLOPT_URL, text_c(&url));
	text_done(&url);
	SET(client, CURLOPT_HTTPGET, 1L);
	if (has_body) {
		SET(client, CURLOPT_POST, 1L);
		SET(client, CURLOPT_POSTFIELDS, request->body.len != 0 ? request->body.at : "");
		SET(client, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	}
	SET(client, CURLOPT_CUSTOMREQUEST, request->method);
	SET(client, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(client, CURLOPT_WRITEDATA, reading);
	SET(client, CURLOPT_HEADERDATA, reading);
	reading->body_max = request->answer_max != 0 ? request->answer_max : LIMIT_ANSWER_BYTES;
}

static CURLcode ask_once(
        struct cli_client *client, const struct cli_request *request, struct reading *reading)
{
	struct curl_slist *headers = make_headers(client, request);
	long status = 0;
	prepare(client, request, reading);
	SET(client, CURLOPT_HTTPHEADER, headers);
	client->error[0] = '\0';
	CURLcode code = lib.curl_easy_perform(client->curl);
	SET(client, CURLOPT_HTTPHEADER, NULL);
	lib.curl_slist_free_all(headers);
	if (lib.curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		reading->answer.status = (unsigned)status;
	return code;
}

static bool is_lost(CURLcode code)
{
	return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
}

bool cli_client_ask(struct cli_client *client, const struct cli_request *request,
        struct cli_answer *ret_answer, struct text *ret_why)
{
	struct reading reading = {0};
	bool is_repeatable =
	        strcmp(request->method, "GET") == 0 || request->idempotency_key != NULL;
	CURLcode code = ask_once(client, request, &reading);
	if (is_lost(code) && is_repeatable) {
		cli_client_forget(&reading.answer);
		reading = (struct reading){0};
		code = ask_once(client, request, &reading);
	}
	if (code == CURLE_OK) {
		*ret_answer = reading.answer;
		return true;
	}
	if (reading.is_too_long)
		text_addf(ret_why, "the answer of %s is longer than %zu bytes", client->api,
		        reading.body_max);
	else
		text_addf(ret_why, "no answer from %s: %s", client->api,
		        client->error[0] != '\0' ? client->error : lib.curl_easy_strerror(code));
	cli_client_forget(&reading.answer);
	return false;
}

void cli_client_forget(struct cli_answer *answer)
{
	/* It may be a token or a password. */
	if (answer->body.at != NULL)
		explicit_bzero(answer->body.at, answer->body.cap);
	text_done(&answer->body);
	text_done(&answer->etag);
	*answer = (struct cli_answer){0};
}

void cli_client_add_part(struct text *to, struct str part)
{
	for (size_t i = 0; i < part.len; i++) {
		unsigned char byte = (unsigned char)part.at[i];
		bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		                (byte >= '0' && byte <= '9') ||
		                (byte != 0 && strchr("-._~*", byte));
		if (is_plain)
			text_add_char(to, (char)byte);
		else
			text_addf(to, "%%%02X", byte);
	}
}
