/*
 * The canonical request is the method, the path encoded once, the parameters, the fields with their
 * names, and the hash of the body, by lines. The key that signs is made of the secret by the day,
 * the region and the service, one after the other.
 */
#include "origin/sign_s3.h"

#include "base/check.h"

#include <openssl/crypto.h>
#include <time.h>

enum { DAY_BYTES = 8 }; /* of x-amz-date */

static const struct str UNSIGNED = {"UNSIGNED-PAYLOAD", 16};

static void add_date(int64_t time_s, struct text *to)
{
	time_t seconds = (time_t)time_s;
	struct tm utc = {0};
	char date[sizeof("20231114T221320Z") + 8];
	CHECK(gmtime_r(&seconds, &utc) != NULL);
	size_t length = strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
	text_add(to, str_make(date, length));
}

/* A field's value without white space at its ends, and one space for more between words. */
static void add_folded(struct str value, struct text *to)
{
	bool has_space = false;
	size_t start = to->len;
	for (size_t i = 0; i < value.len; i++) {
		bool is_space = value.at[i] == ' ' || value.at[i] == '\t';
		if (!is_space && has_space && to->len > start)
			text_add_char(to, ' ');
		if (!is_space)
			text_add_char(to, value.at[i]);
		has_space = is_space;
	}
}

static void add_parameters(const struct origin_sign *sign, struct text *to)
{
	struct origin_sign_sorted sorted = {.count = 0};
	for (unsigned i = 0; i < sign->parameter_count; i++) {
		unsigned index = origin_sign_sorted_add(&sorted);
		origin_sign_encode(sign->parameters[i].name, false, &sorted.names[index]);
		origin_sign_encode(sign->parameters[i].value, false, &sorted.values[index]);
	}
	origin_sign_sort(&sorted);
	for (unsigned i = 0; i < sorted.count; i++) {
		unsigned index = sorted.order[i];
		if (i > 0)
			text_add_char(to, '&');
		text_add(to, text_str(&sorted.names[index]));
		text_add_char(to, '=');
		text_add(to, text_str(&sorted.values[index]));
	}
	text_add_char(to, '\n');
	origin_sign_sorted_done(&sorted);
}

static void sort_in(struct origin_sign_sorted *sorted, struct str name, struct str value)
{
	unsigned index = origin_sign_sorted_add(sorted);
	origin_sign_lower(name, &sorted->names[index]);
	add_folded(value, &sorted->values[index]);
}

static void add_headers(
        const struct origin_sign *sign, struct origin_sign_s3 *made, struct text *to)
{
	struct origin_sign_sorted sorted = {.count = 0};
	for (unsigned i = 0; i < sign->header_count; i++)
		sort_in(&sorted, sign->headers[i].name, sign->headers[i].value);
	sort_in(&sorted, STR("x-amz-content-sha256"), text_str(&made->body));
	sort_in(&sorted, STR("x-amz-date"), text_str(&made->date));
	if (sign->token.len != 0)
		sort_in(&sorted, STR("x-amz-security-token"), sign->token);
	origin_sign_sort(&sorted);
	for (unsigned i = 0; i < sorted.count; i++) {
		unsigned index = sorted.order[i];
		text_addf(
		        to, "%s:%s\n", text_c(&sorted.names[index]), text_c(&sorted.values[index]));
		text_addf(&made->header_names, "%s%s", i > 0 ? ";" : "",
		        text_c(&sorted.names[index]));
	}
	origin_sign_sorted_done(&sorted);
}

static void make_canonical_request(const struct origin_sign *sign, struct origin_sign_s3 *made)
{
	struct text *to = &made->canonical_request;
	text_addf(to, "%.*s\n", STR_ARG(sign->method));
	origin_sign_encode(sign->path, true, to);
	text_add_char(to, '\n');
	add_parameters(sign, to);
	add_headers(sign, made, to);
	text_addf(to, "\n%s\n%s", text_c(&made->header_names), text_c(&made->body));
}

void origin_sign_s3_begin(const struct origin_sign *sign, struct origin_sign_s3 *ret_made)
{
	struct origin_sign_s3 *made = ret_made;
	*made = (struct origin_sign_s3){.date = {0}};
	add_date(sign->time_s, &made->date);
	text_add(&made->body, sign->body.len != 0 ? sign->body : UNSIGNED);
	text_addf(&made->scope, "%.*s/%.*s/s3/aws4_request", DAY_BYTES, made->date.at,
	        STR_ARG(sign->region));
	make_canonical_request(sign, made);

	struct text *to = &made->string_to_sign;
	text_addf(to, "AWS4-HMAC-SHA256\n%s\n%s\n", text_c(&made->date), text_c(&made->scope));
	origin_sign_digest(ORIGIN_SIGN_SHA256, text_str(&made->canonical_request), to);
}

void origin_sign_s3_key(const struct origin_sign *sign, struct origin_sign_s3 *made)
{
	unsigned char *key = made->signing_key;
	const struct str by[] = {
	        str_make(made->date.at, DAY_BYTES), sign->region, STR("s3"), STR("aws4_request")};
	struct text secret = {0};
	text_addf(&secret, "AWS4%.*s", STR_ARG(sign->secret));
	struct str last = text_str(&secret);
	for (size_t i = 0; i < ARRAY_LENGTH(by); i++) {
		unsigned char next[ORIGIN_SIGN_SHA256];
		origin_sign_hmac(ORIGIN_SIGN_SHA256, last, by[i], next);
		memcpy(key, next, sizeof(next));
		OPENSSL_cleanse(next, sizeof(next));
		last = str_make((const char *)key, sizeof(next));
	}
	origin_sign_wipe(&secret);
}

void origin_sign_s3_end(const struct origin_sign *sign, struct origin_sign_s3 *made)
{
	unsigned char signature[ORIGIN_SIGN_SHA256];
	struct str key = str_make((const char *)made->signing_key, sizeof(made->signing_key));
	origin_sign_hmac(ORIGIN_SIGN_SHA256, key, text_str(&made->string_to_sign), signature);
	origin_sign_hex(signature, sizeof(signature), &made->signature);
	text_addf(&made->authorization,
	        "AWS4-HMAC-SHA256 Credential=%.*s/%s, SignedHeaders=%s, Signature=%s",
	        STR_ARG(sign->key_id), text_c(&made->scope), text_c(&made->header_names),
	        text_c(&made->signature));
}

void origin_sign_s3_done(struct origin_sign_s3 *made)
{
	text_done(&made->date);
	text_done(&made->body);
	text_done(&made->scope);
	text_done(&made->canonical_request);
	text_done(&made->string_to_sign);
	OPENSSL_cleanse(made->signing_key, sizeof(made->signing_key));
	text_done(&made->header_names);
	text_done(&made->signature);
	text_done(&made->authorization);
}

void origin_sign_s3_add(const struct origin_sign *sign, struct text *to)
{
	struct origin_sign_s3 made;
	origin_sign_s3_begin(sign, &made);
	origin_sign_s3_key(sign, &made);
	origin_sign_s3_end(sign, &made);
	text_addf(to,
	        "x-amz-date: %s\r\n"
	        "x-amz-content-sha256: %s\r\n",
	        text_c(&made.date), text_c(&made.body));
	if (sign->token.len != 0)
		text_addf(to, "x-amz-security-token: %.*s\r\n", STR_ARG(sign->token));
	text_addf(to, "Authorization: %s\r\n", text_c(&made.authorization));
	origin_sign_s3_done(&made);
}
