/*
 * HttpString is the method in lower case, the decoded path, the parameters and the fields, a line
 * each. Names are encoded and then in lower case, values only encoded. The lines are in the order
 * of the names as they are meant, the lists of names in the order of the encoded ones, as the
 * official SDKs have them. What is hashed with the secret is the time alone, and with that the
 * rest.
 */
#include "origin/sign_cos.h"

/* Adds a name encoded, and then in lower case. */
static void add_name(struct str name, struct text *to)
{
	struct text encoded = {0};
	origin_sign_encode(name, false, &encoded);
	origin_sign_lower(text_str(&encoded), to);
	text_done(&encoded);
}

/* Adds the names of pairs, which are in lower case, with semicolons between them. */
static void add_names(const struct origin_sign_sorted *pairs, struct text *to)
{
	struct origin_sign_sorted encoded = {.count = 0};
	for (unsigned i = 0; i < pairs->count; i++)
		add_name(text_str(&pairs->names[i]),
		        &encoded.names[origin_sign_sorted_add(&encoded)]);
	origin_sign_sort(&encoded);
	for (unsigned i = 0; i < encoded.count; i++) {
		if (i > 0)
			text_add_char(to, ';');
		text_add(to, text_str(&encoded.names[encoded.order[i]]));
	}
	origin_sign_sorted_done(&encoded);
}

static void add_pairs(
        const struct origin_sign_pair *pairs, unsigned count, struct text *to, struct text *names)
{
	struct origin_sign_sorted sorted = {.count = 0};
	for (unsigned i = 0; i < count; i++) {
		unsigned index = origin_sign_sorted_add(&sorted);
		origin_sign_lower(pairs[i].name, &sorted.names[index]);
		origin_sign_encode(pairs[i].value, false, &sorted.values[index]);
	}
	origin_sign_sort(&sorted);
	for (unsigned i = 0; i < sorted.count; i++) {
		unsigned index = sorted.order[i];
		if (i > 0)
			text_add_char(to, '&');
		add_name(text_str(&sorted.names[index]), to);
		text_add_char(to, '=');
		text_add(to, text_str(&sorted.values[index]));
	}
	text_add_char(to, '\n');
	add_names(&sorted, names);
	origin_sign_sorted_done(&sorted);
}

static void add_hmac(struct str key, struct str text, struct text *to)
{
	unsigned char bytes[ORIGIN_SIGN_SHA1];
	origin_sign_hmac(ORIGIN_SIGN_SHA1, key, text, bytes);
	origin_sign_hex(bytes, sizeof(bytes), to);
}

void origin_sign_cos_begin(const struct origin_sign *sign, int64_t start_s, int64_t end_s,
        struct origin_sign_cos *ret_made)
{
	struct origin_sign_cos *made = ret_made;
	*made = (struct origin_sign_cos){.time = {0}};
	text_addf(&made->time, "%lld;%lld", (long long)start_s, (long long)end_s);

	struct text *http = &made->http_string;
	origin_sign_lower(sign->method, http);
	text_add_char(http, '\n');
	text_add(http, sign->path);
	text_add_char(http, '\n');
	add_pairs(sign->parameters, sign->parameter_count, http, &made->parameter_names);
	add_pairs(sign->headers, sign->header_count, http, &made->header_names);

	text_addf(&made->string_to_sign, "sha1\n%s\n", text_c(&made->time));
	origin_sign_digest(ORIGIN_SIGN_SHA1, text_str(http), &made->string_to_sign);
	text_add_char(&made->string_to_sign, '\n');
}

void origin_sign_cos_key(const struct origin_sign *sign, struct origin_sign_cos *made)
{
	add_hmac(sign->secret, text_str(&made->time), &made->sign_key);
}

void origin_sign_cos_end(const struct origin_sign *sign, struct origin_sign_cos *made)
{
	add_hmac(text_str(&made->sign_key), text_str(&made->string_to_sign), &made->signature);

	text_addf(&made->authorization,
	        "q-sign-algorithm=sha1&q-ak=%.*s&q-sign-time=%s&q-key-time=%s&q-header-list=%s"
	        "&q-url-param-list=%s&q-signature=%s",
	        STR_ARG(sign->key_id), text_c(&made->time), text_c(&made->time),
	        text_c(&made->header_names), text_c(&made->parameter_names),
	        text_c(&made->signature));
}

void origin_sign_cos_done(struct origin_sign_cos *made)
{
	text_done(&made->time);
	text_done(&made->http_string);
	origin_sign_wipe(&made->sign_key);
	text_done(&made->string_to_sign);
	text_done(&made->header_names);
	text_done(&made->parameter_names);
	text_done(&made->signature);
	text_done(&made->authorization);
}

void origin_sign_cos_add(const struct origin_sign *sign, struct text *to)
{
	struct origin_sign_cos made;
	origin_sign_cos_begin(sign, sign->time_s - ORIGIN_SIGN_COS_BEFORE_S,
	        sign->time_s + ORIGIN_SIGN_COS_AFTER_S, &made);
	origin_sign_cos_key(sign, &made);
	origin_sign_cos_end(sign, &made);
	text_addf(to, "Authorization: %s\r\n", text_c(&made.authorization));
	if (sign->token.len != 0)
		text_addf(to, "x-cos-security-token: %.*s\r\n", STR_ARG(sign->token));
	origin_sign_cos_done(&made);
}
