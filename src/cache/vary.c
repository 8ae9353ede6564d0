/*
 * A variant's text is of one element for each name: four hexadecimal digits of length and a value,
 * or four dashes for a field that is missing. Both have a fixed size in front, so that a text can
 * be read in one way only and no crafted value looks like two.
 */
#include "cache/vary.h"

#include "http/hop.h"

enum { LENGTH_DIGITS = 4 };
_Static_assert(LIMIT_VARIANT_BYTES <= 0xffff, "a length has four digits");

/* How the values of a field may be made equal. */
enum form {
	FORM_LANGUAGE, /* a list without case */
	FORM_MEDIA,    /* a list without case up to the parameters of a member */
	FORM_ANY,
};

static enum form form_of(enum http_name id)
{
	switch ((int)id) {
	case HTTP_NAME_ACCEPT_LANGUAGE:
		return FORM_LANGUAGE;
	case HTTP_NAME_ACCEPT:
		return FORM_MEDIA;
	default:
		return FORM_ANY;
	}
}

bool cache_vary_add_name(struct cache_vary *vary, struct str name)
{
	for (unsigned i = 0; i < vary->count; i++) {
		if (str_is_equal_nocase(vary->names[i], name))
			return true;
	}
	if (vary->count == LIMIT_VARY_NAMES)
		return false;
	vary->names[vary->count++] = name;
	return true;
}

/* Whether the field is another one for each client. */
static bool is_of_one_client(struct str name)
{
	enum http_name id = http_name_of(name);
	return id == HTTP_NAME_FORWARDED || id == HTTP_NAME_X_FORWARDED_FOR;
}

enum cache_vary_result cache_vary_add(struct cache_vary *vary, const struct http_head *response)
{
	struct cache_vary sum = *vary;
	if (!http_head_has(response, HTTP_NAME_VARY))
		return CACHE_VARY_DONE;
	for (unsigned i = 0; i < response->count; i++) {
		if (response->fields[i].id != HTTP_NAME_VARY)
			continue;
		struct str rest = http_head_value(response, &response->fields[i]), name;
		while (http_head_next_member(&rest, &name)) {
			if (str_is_equal(name, STR("*")) || !http_name_is_valid(name) ||
			        is_of_one_client(name))
				return CACHE_VARY_ANY;
			if (!cache_vary_add_name(&sum, name))
				return CACHE_VARY_LIMIT;
		}
	}
	*vary = sum;
	return CACHE_VARY_DONE;
}

/* A value on its way into its normal form. */
struct normal {
	char *at, *end;
	enum form form;
	char last;    /* the byte written last; 0: none */
	bool is_full; /* something did not fit */
	bool is_quoted, is_escaped;
	bool has_space;     /* white space was read and not yet written */
	bool in_parameters; /* behind the first semicolon of a member */
};

static void put(struct normal *normal, char byte)
{
	if (normal->at == normal->end) {
		normal->is_full = true;
		return;
	}
	*normal->at++ = byte;
	normal->last = byte;
}

static bool is_separator(char byte)
{
	return byte == ',' || byte == ';';
}

static void add_quoted(struct normal *normal, char byte)
{
	if (normal->is_escaped)
		normal->is_escaped = false;
	else if (byte == '\\')
		normal->is_escaped = true;
	else if (byte == '"')
		normal->is_quoted = false;
	put(normal, byte);
}

static void add(struct normal *normal, char byte)
{
	if (normal->is_quoted) {
		add_quoted(normal, byte);
		return;
	}
	if (byte == ' ' || byte == '\t') {
		normal->has_space = true;
		return;
	}
	bool is_list = normal->form != FORM_ANY;
	bool is_beside = is_separator(byte) || is_separator(normal->last);
	if (normal->has_space && normal->last != 0 && !(is_list && is_beside))
		put(normal, ' ');
	normal->has_space = false;
	normal->is_quoted = byte == '"';
	if (is_separator(byte))
		normal->in_parameters = byte == ';';
	bool has_case =
	        normal->form == FORM_ANY || (normal->form == FORM_MEDIA && normal->in_parameters);
	put(normal, has_case ? byte : str_lower(byte));
}

static void add_text(struct normal *normal, struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		add(normal, text.at[i]);
}

/* A request, and which of its fields stay with us. */
struct request {
	const struct cache_vary_asked *asked;
	bool is_marked; /* `kept_back` is made */
	uint64_t kept_back[HTTP_MARK_WORDS];
};

/* All fields of the name as one list; returns whether there is any. */
static bool add_fields(
        struct normal *normal, struct request *asking, enum http_name id, struct str name)
{
	const struct http_head *request = asking->asked->head;
	bool is_there = false;
	if (id != HTTP_NAME_OTHER && !http_head_has(request, id))
		return false;
	if (!asking->is_marked)
		http_hop_mark(request, asking->kept_back);
	asking->is_marked = true;
	for (unsigned i = 0; i < request->count; i++) {
		const struct http_field *field = &request->fields[i];
		if (field->id != id || http_mark_has(asking->kept_back, i) ||
		        (id == HTTP_NAME_OTHER &&
		                !str_is_equal_nocase(http_head_name(request, field), name)))
			continue;
		if (is_there)
			add_text(normal, STR(", "));
		add_text(normal, http_head_value(request, field));
		is_there = true;
	}
	return is_there;
}

/* A text that is in its normal form already. */
static void add_normal(struct normal *normal, struct str text)
{
	if (text.len > (size_t)(normal->end - normal->at)) {
		normal->is_full = true;
		return;
	}
	if (text.len > 0)
		memcpy(normal->at, text.at, text.len);
	normal->at += text.len;
}

/* Adds the value that the origin is told; false where there is none. */
static bool add_value(
        struct normal *normal, struct request *request, enum http_name id, struct str name)
{
	const struct cache_vary_asked *asked = request->asked;
	switch ((int)id) {
	case HTTP_NAME_ACCEPT_ENCODING:
		add_normal(normal, cache_vary_accept_encoding(asked->head));
		return true;
	case HTTP_NAME_X_FORWARDED_PROTO:
		if (asked->is_trusted && add_fields(normal, request, id, name))
			return true;
		add_normal(normal, asked->proto);
		return asked->proto.len > 0;
	case HTTP_NAME_X_FORWARDED_HOST:
		if (!asked->is_trusted)
			return false;
		break;
	default:
		break;
	}
	return add_fields(normal, request, id, name);
}

/* Writes one element at `to`; NULL where there is no room, else what is behind it. */
static char *write_element(struct request *request, struct str name, char *to, char *end)
{
	enum http_name id = http_name_of(name);
	if (end - to < LENGTH_DIGITS)
		return NULL;
	struct normal normal = {.at = to + LENGTH_DIGITS, .end = end, .form = form_of(id)};
	bool is_there = add_value(&normal, request, id, name);
	if (normal.is_full)
		return NULL;
	size_t length = (size_t)(normal.at - to) - LENGTH_DIGITS;
	for (int i = 0; i < LENGTH_DIGITS; i++) {
		unsigned digit = length >> 4 * (LENGTH_DIGITS - 1 - i) & 0xf;
		to[i] = is_there ? "0123456789abcdef"[digit] : '-';
	}
	return normal.at;
}

enum cache_vary_result cache_vary_write(const struct cache_vary *vary,
        const struct cache_vary_asked *asked, char to[LIMIT_VARIANT_BYTES], struct str *ret_text)
{
	struct request request;
	char *at = to;
	request.asked = asked;
	request.is_marked = false;
	for (unsigned i = 0; i < vary->count; i++) {
		at = write_element(&request, vary->names[i], at, to + LIMIT_VARIANT_BYTES);
		if (at == NULL)
			return CACHE_VARY_LIMIT;
	}
	*ret_text = str_make(to, (size_t)(at - to));
	return CACHE_VARY_DONE;
}

/* The codings that are told apart, as bits. */
enum coding {
	CODING_OTHER = 0,
	CODING_BR = 1,
	CODING_GZIP = 2,
	CODING_IDENTITY = 4,
	CODINGS = CODING_BR | CODING_GZIP | CODING_IDENTITY,
};

static unsigned coding_of(struct str name)
{
	if (str_is_equal_nocase(name, STR("br")))
		return CODING_BR;
	if (str_is_equal_nocase(name, STR("gzip")) || str_is_equal_nocase(name, STR("x-gzip")))
		return CODING_GZIP;
	if (str_is_equal_nocase(name, STR("identity")))
		return CODING_IDENTITY;
	return CODING_OTHER;
}

/* Whether the weight behind a coding is above 0 (RFC 9110 12.4.2); one that cannot be read is not.
 */
static bool is_weight_positive(struct str weight)
{
	weight = str_trim(weight);
	if (weight.len < 3 || weight.len > 7 || str_lower(weight.at[0]) != 'q' ||
	        weight.at[1] != '=' || (weight.at[2] != '0' && weight.at[2] != '1'))
		return false;
	bool is_positive = weight.at[2] == '1';
	for (size_t i = 3; i < weight.len; i++) {
		char byte = weight.at[i];
		bool is_right = i == 3 ? byte == '.' : byte >= '0' && byte <= '9';
		if (!is_right)
			return false;
		is_positive |= i > 3 && byte != '0';
	}
	return is_positive;
}

/* The codings that all lines of Accept-Encoding accept. */
static unsigned read_codings(const struct http_head *request)
{
	unsigned wanted = 0, refused = 0, rest_wanted = 0, rest_refused = 0;
	for (unsigned i = 0; i < request->count; i++) {
		if (request->fields[i].id != HTTP_NAME_ACCEPT_ENCODING)
			continue;
		struct str rest = http_head_value(request, &request->fields[i]), member;
		while (http_head_next_member(&rest, &member)) {
			bool has_weight = str_find(member, ';') >= 0;
			struct str name = str_trim(str_cut(&member, ';'));
			bool is_wanted = !has_weight || is_weight_positive(member);
			bool is_rest = str_is_equal(name, STR("*"));
			*(is_wanted ? &wanted : &refused) |= coding_of(name);
			*(is_wanted ? &rest_wanted : &rest_refused) |= is_rest ? CODINGS : 0;
		}
	}
	/* 12.5.3: "*" is what is not named; identity is acceptable unless it is refused. */
	unsigned named = wanted | refused;
	refused |= rest_refused & ~named;
	wanted |= (rest_wanted | CODING_IDENTITY) & ~named;
	return wanted & ~refused;
}

/* What nearly every client sends, in which case nothing is to be read. */
static bool find_common(struct str value, unsigned *ret_codings)
{
	static const struct {
		struct str value;
		unsigned codings;
	} common[] = {
	        {STR("gzip, deflate, br, zstd"), CODINGS},
	        {STR("gzip, deflate, br"), CODINGS},
	        {STR("gzip, deflate"), CODING_GZIP | CODING_IDENTITY},
	        {STR("gzip"), CODING_GZIP | CODING_IDENTITY},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(common); i++) {
		if (str_is_equal(value, common[i].value)) {
			*ret_codings = common[i].codings;
			return true;
		}
	}
	return false;
}

struct str cache_vary_accept_encoding(const struct http_head *request)
{
	static const struct str texts[] = {
	        [0] = STR("identity;q=0"),
	        [CODING_BR] = STR("br, identity;q=0"),
	        [CODING_GZIP] = STR("gzip, identity;q=0"),
	        [CODING_BR | CODING_GZIP] = STR("br, gzip, identity;q=0"),
	        [CODING_IDENTITY] = STR("identity"),
	        [CODING_IDENTITY | CODING_BR] = STR("br"),
	        [CODING_IDENTITY | CODING_GZIP] = STR("gzip"),
	        [CODING_IDENTITY | CODING_BR | CODING_GZIP] = STR("br, gzip"),
	};
	const struct http_field *field = http_head_find(request, HTTP_NAME_ACCEPT_ENCODING);
	unsigned codings = CODING_IDENTITY;
	if (field != NULL && (!find_common(http_head_value(request, field), &codings) ||
	                             http_head_count(request, HTTP_NAME_ACCEPT_ENCODING) > 1))
		codings = read_codings(request);
	return texts[codings];
}
