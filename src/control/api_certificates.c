/*
 * Certificates: which there are, one in the place of another, one less. A key is taken, and never
 * told again. A change is made as one of domains is: nobody else changes anything meanwhile. Where
 * a file manages the domains they are changed all the same, as they are none.
 */
#include "control/api.h"
#include "control/change.h"

#include "base/log.h"
#include "http/etag.h"

#include <stdio.h>

enum { DAY_MS = 24 * 3600 * 1000, TAG_BYTES = 32 };

struct change {
	struct control_certificate_sink sink; /* tells `revision` and `before` */
	struct control_call *call;
	struct str name;
	uint64_t revision;  /* of the one that is there; 0: there is none */
	struct text before; /* what is told of it */
	struct text shown;  /* its answer */
	bool has_begun;
};

/* ---- what is told ---- */

struct listing {
	struct control_certificate_sink sink;
	struct text *to;
	uint64_t now_ms;
	bool has_chain;
	unsigned count;
	uint64_t revision;
};

/* Adds an object; `about` is one with its brackets. */
static void print(const struct control_certificate *certificate, uint64_t now_ms, bool has_chain,
        struct text *to)
{
	const struct str about = certificate->about;
	const int64_t left_ms = (int64_t)(certificate->not_after_ms - now_ms);
	/* Rounded down, also below zero. */
	const int64_t days = left_ms >= 0 ? left_ms / DAY_MS : -((-left_ms + DAY_MS - 1) / DAY_MS);
	text_add(to, STR("{\"name\":"));
	text_add_json(to, str_of(certificate->name));
	text_addf(to, ",\"revision\":%llu,\"days_left\":%lld,%.*s",
	        (unsigned long long)certificate->revision, (long long)days, (int)about.len - 2,
	        about.at + 1);
	if (has_chain) {
		text_add(to, STR(",\"certificate\":"));
		text_add_json(to, certificate->chain);
	}
	text_add_char(to, '}');
}

static void on_listed(
        struct control_certificate_sink *sink, const struct control_certificate *certificate)
{
	struct listing *listing = container_of(sink, struct listing, sink);
	if (listing->count++ > 0)
		text_add_char(listing->to, ',');
	print(certificate, listing->now_ms, listing->has_chain, listing->to);
	listing->revision = certificate->revision;
}

static bool is_open(struct control_call *call)
{
	bool is_open = atomic_load(&call->plane->store) != NULL;
	if (!is_open)
		control_call_refuse(
		        call, CONTROL_PROBLEM_STORE_UNAVAILABLE, "the store is not open");
	return is_open;
}

void control_api_certificates_list(struct control_call *call)
{
	struct listing listing = {.sink = {.on_certificate = on_listed}, .now_ms = call->now_ms};
	if (!is_open(call))
		return;
	listing.to = control_call_answer(call, 200);
	text_add(listing.to, STR("{\"items\":["));
	const uint64_t revision =
	        control_certificates_each(call->plane->certificates, &listing.sink);
	text_addf(listing.to, "],\"revision\":%llu}", (unsigned long long)revision);
}

static void refuse_absent(struct control_call *call, struct str name)
{
	control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_CERTIFICATE,
	        "there is no certificate %.*s", STR_ARG(name));
}

void control_api_certificates_read(struct control_call *call)
{
	struct text body = {0};
	struct listing listing = {.sink = {.on_certificate = on_listed},
	        .to = &body,
	        .now_ms = call->now_ms,
	        .has_chain = true};
	if (!is_open(call))
		return;
	if (control_certificates_find(call->plane->certificates, call->names[0], &listing.sink)) {
		text_add(control_call_answer(call, 200), text_str(&body));
		/* Days go by without a change. */
		control_call_add_field(
		        call, "ETag", "\"%llu\"", (unsigned long long)listing.revision);
	} else {
		refuse_absent(call, call->names[0]);
	}
	text_done(&body);
}

/* ---- changes ---- */

static void on_before(
        struct control_certificate_sink *sink, const struct control_certificate *certificate)
{
	struct change *change = container_of(sink, struct change, sink);
	change->revision = certificate->revision;
	text_add(&change->before, certificate->about);
	print(certificate, change->call->now_ms, true, &change->shown);
}

/* Nobody else changes anything from here on, up to the end. */
static void begin(struct change *change, struct control_call *call)
{
	*change = (struct change){.sink = {.on_certificate = on_before},
	        .call = call,
	        .name = call->names[0],
	        .has_begun = true};
	control_domains_begin(call->plane->domains);
	(void)!control_certificates_find(call->plane->certificates, change->name, &change->sink);
}

static void end(struct change *change)
{
	control_domains_end(change->call->plane->domains);
	text_done(&change->before);
	text_done(&change->shown);
}

/* Whether the request says which version it is for, and that is the one that there is. */
static bool is_version_right(struct change *change)
{
	struct control_call *call = change->call;
	const struct http_head *head = &call->head;
	const bool has_match = http_head_has(head, HTTP_NAME_IF_MATCH);
	const bool has_none = http_head_has(head, HTTP_NAME_IF_NONE_MATCH);
	char tag[TAG_BYTES];
	snprintf(tag, sizeof(tag), "\"%llu\"", (unsigned long long)change->revision);
	const struct http_etag etag = {.opaque = str_of(tag)};
	const struct http_etag *current = change->revision != 0 ? &etag : NULL;
	if (!has_match && !has_none) {
		control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_REQUIRED,
		        "the field If-Match says which version is meant (\"*\": any), or "
		        "If-None-Match \"*\" that there is none");
		return false;
	}
	if (has_none && !str_is_equal(http_head_get(head, HTTP_NAME_IF_NONE_MATCH), STR("*"))) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "a change takes no If-None-Match but \"*\": that there is none yet");
		return false;
	}
	const bool is_right =
	        !(has_none && current != NULL) &&
	        !(has_match && (current == NULL || http_etag_find(head, HTTP_NAME_IF_MATCH, current,
	                                                   HTTP_ETAG_STRONG) == HTTP_ETAG_ABSENT));
	if (is_right)
		return true;
	if (current == NULL)
		control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_FAILED,
		        "there is no such certificate (any more)");
	else
		control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_FAILED,
		        "the certificate is there, at revision %llu",
		        (unsigned long long)change->revision);
	struct text *to = &call->answer.body;
	to->len--; /* the bracket at the end */
	text_addf(to, ",\"revision\":%llu}", (unsigned long long)change->revision);
	if (current != NULL)
		control_call_add_field(call, "ETag", "%s", tag);
	return false;
}

/* Makes it in the store, and for the edges; false after it was refused. */
static bool keep(struct change *change, const struct tls_certificate *certificate,
        const char *action, uint64_t *ret_revision)
{
	struct control_call *call = change->call;
	struct str name = arena_copy(&call->arena, change->name);
	const struct store_note note = {.who = control_change_who(call), .action = str_of(action)};
	enum store_failure failure = control_certificates_commit(call->plane->certificates,
	        atomic_load(&call->plane->store), name.at, certificate, change->revision, &note,
	        ret_revision);
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return false;
	}
	control_plane_set_trouble(call->plane, STR_EMPTY);
	log_info("%.*s: %s of %s, revision %llu", STR_ARG(note.who), action, name.at,
	        (unsigned long long)*ret_revision);
	return true;
}

static void print_change(struct change *change, const char *what, struct str after, struct text *to)
{
	text_add(to, STR("{\"name\":"));
	text_add_json(to, change->name);
	text_addf(to, ",\"what\":\"%s\",\"diff\":", what);
	control_certificates_print_diff(text_str(&change->before), after, to);
	text_add_char(to, '}');
}

static void answer_dry(struct change *change, const struct tls_certificate *after)
{
	struct text *to = control_call_answer(change->call, 200), about = {0};
	if (after != NULL)
		control_certificates_describe(after, &about);
	const bool is_same =
	        after != NULL && str_is_equal(text_str(&about), text_str(&change->before));
	text_add(to, STR("{\"dry_run\":true,\"changes\":["));
	if (!is_same)
		print_change(change,
		        after == NULL           ? "removed"
		        : change->revision == 0 ? "created"
		                                : "changed",
		        text_str(&about), to);
	text_add(to, STR("]}"));
	text_done(&about);
}

static void answer_made(struct change *change, unsigned status, uint64_t revision)
{
	struct control_call *call = change->call;
	text_clear(&change->shown);
	CHECK(control_certificates_find(call->plane->certificates, change->name, &change->sink));
	text_add(control_call_answer(call, status), text_str(&change->shown));
	control_call_add_field(call, "ETag", "\"%llu\"", (unsigned long long)revision);
}

static void replace(struct change *change, const struct tls_certificate *certificate)
{
	struct control_call *call = change->call;
	const bool is_new = change->revision == 0;
	uint64_t revision;
	if (is_new && control_certificates_count(call->plane->certificates) >= LIMIT_CERTIFICATES) {
		control_call_refuse(call, CONTROL_PROBLEM_TOO_MANY, "there are %d certificates",
		        LIMIT_CERTIFICATES);
		return;
	}
	if (control_call_is_dry(call))
		answer_dry(change, certificate);
	else if (keep(change, certificate, is_new ? "certificate.create" : "certificate.replace",
	                 &revision))
		answer_made(change, is_new ? 201 : 200, revision);
}

static void refuse_trouble(struct control_call *call, struct tls_certificate_trouble *trouble)
{
	control_call_refuse_field(call,
	        trouble->part == TLS_CERTIFICATE_KEY ? "/key" : "/certificate", trouble->rule, "%s",
	        text_c(&trouble->words));
	text_done(&trouble->words);
}

/* The body as a certificate that can be shown; false after it was refused. */
static bool read_body(struct control_call *call, struct tls_certificate *ret_certificate)
{
	struct control_form_field fields[] = {
	        {.name = "certificate", .type = CONTROL_FORM_TEXT, .is_required = true},
	        {.name = "key", .type = CONTROL_FORM_TEXT, .is_required = true},
	};
	struct tls_certificate_trouble trouble;
	if (!control_certificates_is_name(call->names[0])) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "a certificate's name has 1 to %d of a-z, 0-9, \"-\", \"_\" and \".\", and "
		        "begins with a letter or digit",
		        LIMIT_CERTIFICATE_NAME_BYTES);
		return false;
	}
	if (!control_call_read_form(call, fields, ARRAY_LENGTH(fields)))
		return false;
	if (tls_certificate_read(fields[0].text, fields[1].text, (int64_t)(call->now_ms / 1000),
	            ret_certificate, &trouble))
		return true;
	refuse_trouble(call, &trouble);
	return false;
}

void control_api_certificates_replace(struct control_call *call)
{
	struct tls_certificate certificate;
	struct change change;
	if (!read_body(call, &certificate))
		return;
	begin(&change, call);
	if (is_version_right(&change))
		replace(&change, &certificate);
	end(&change);
	tls_certificate_done(&certificate);
}

void control_api_certificates_delete(struct control_call *call)
{
	struct change change;
	uint64_t revision;
	begin(&change, call);
	/* What is not there is not found, whatever is said of its version (RFC 9110, 13.2.1). */
	if (change.revision == 0)
		refuse_absent(call, change.name);
	else if (is_version_right(&change)) {
		if (control_call_is_dry(call))
			answer_dry(&change, NULL);
		else if (keep(&change, NULL, "certificate.delete", &revision))
			control_call_answer_nothing(call);
	}
	end(&change);
}
