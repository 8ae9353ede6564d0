/*
 * A type is a case in each of the switches below: reading, printing, comparing. Numbers are read
 * into 64 bits, held against the field's range, and only then stored in the size of their member.
 */
#include "model/value.h"

#include "model/host.h"
#include "model/list.h"
#include "model/read.h"

static bool refuse(struct model_why *ret_why, const char *rule, const char *words)
{
	*ret_why = (struct model_why){.rule = rule, .words = words};
	return false;
}

static bool refuse_range(struct model_why *ret_why, const char *words, const char *allowed)
{
	*ret_why = (struct model_why){.rule = "range", .words = words, .allowed = allowed};
	return false;
}

static bool is_in_range(const struct model_field *field, uint64_t number)
{
	uint64_t min, max;
	model_field_range(field, &min, &max);
	return number >= min && number <= max;
}

/* Numbers in members of any size. */

static uint64_t load(const void *member, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)member;
	case 2:
		return *(const uint16_t *)member;
	case 4:
		return *(const uint32_t *)member;
	default:
		CHECK(size == 8);
		return *(const uint64_t *)member;
	}
}

static void store(void *member, size_t size, uint64_t number)
{
	CHECK(size == 8 || number >> (size * 8) == 0);
	switch (size) {
	case 1:
		*(uint8_t *)member = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)member = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)member = (uint32_t)number;
		break;
	default:
		*(uint64_t *)member = number;
	}
}

static bool is_duration(const struct model_field *field)
{
	return field->type == MODEL_FIELD_DURATION || field->type == MODEL_FIELD_SECONDS;
}

bool model_value_to_number(const struct model_field *field, struct str text, uint64_t *ret_number)
{
	if (is_duration(field))
		return str_to_ms(text, ret_number);
	if (field->type == MODEL_FIELD_BYTES)
		return str_to_bytes(text, ret_number);
	if (field->type == MODEL_FIELD_PERCENT && str_has_suffix(text, STR("%")))
		text.len--;
	return str_to_u64(text, ret_number);
}

static bool read_number(
        const struct model_field *field, void *member, struct str text, struct model_why *ret_why)
{
	uint64_t number;
	if (!model_value_to_number(field, text, &number))
		return refuse(ret_why, "value",
		        is_duration(field) ? "is no duration, such as 2s, 500ms or 1m"
		        : field->type == MODEL_FIELD_BYTES   ? "is no size, such as 512k or 32m"
		        : field->type == MODEL_FIELD_PERCENT ? "is no percentage, such as 5%"
		                                             : "is no number");
	if (!is_in_range(field, number))
		return refuse_range(ret_why, "is not in", field->allowed);
	store(member, field->size, number);
	return true;
}

static bool read_choice(
        const struct model_field *field, void *member, struct str text, struct model_why *ret_why)
{
	struct str rest = str_of(field->allowed);
	for (uint64_t index = 0; rest.at != NULL; index++) {
		if (str_is_equal(str_cut(&rest, '|'), text)) {
			store(member, field->size, index);
			return true;
		}
	}
	*ret_why = (struct model_why){
	        .rule = "value", .words = "is not one of", .allowed = field->allowed};
	return false;
}

static bool read_bool(bool *ret_value, struct str text, struct model_why *ret_why)
{
	static const struct {
		struct str word;
		bool value;
	} WORDS[] = {
	        {{"on", 2}, true},
	        {{"off", 3}, false},
	        {{"true", 4}, true},
	        {{"false", 5}, false},
	        {{"yes", 3}, true},
	        {{"no", 2}, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++) {
		if (str_is_equal_nocase(WORDS[i].word, text)) {
			*ret_value = WORDS[i].value;
			return true;
		}
	}
	return refuse(ret_why, "value", "is neither on nor off");
}

/* Strings. */

/* Takes one code point off the front of *rest; false when the bytes are not UTF-8 (RFC 3629). */
static bool cut_code_point(struct str *rest, uint32_t *ret_code)
{
	static const uint32_t SMALLEST[] = {0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)rest->at[0];
	size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	uint32_t code = more == 0 ? first : first & (0x3fU >> more);
	if ((first >= 0x80 && first < 0xc0) || first >= 0xf8 || rest->len <= more)
		return false;
	for (size_t i = 1; i <= more; i++) {
		unsigned char c = (unsigned char)rest->at[i];
		if ((c & 0xc0) != 0x80)
			return false;
		code = code << 6 | (c & 0x3f);
	}
	if (code < SMALLEST[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return false;
	*rest = str_make(rest->at + more + 1, rest->len - more - 1);
	*ret_code = code;
	return true;
}

/* Whether text is UTF-8 without controls, line ends and what YAML cannot print. */
static bool is_printable(struct str text)
{
	uint32_t code;
	while (text.len != 0) {
		if (!cut_code_point(&text, &code))
			return false;
		if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
		        code == 0x2029 || code == 0xfeff || (code & 0xfffe) == 0xfffe)
			return false;
	}
	return true;
}

static bool is_path(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] <= ' ' || text.at[i] >= 0x7f || text.at[i] == '#')
			return false;
	}
	return text.len > 0 && text.at[0] == '/';
}

static bool read_authority(struct str text, struct text *to, struct model_why *ret_why)
{
	struct model_host host;
	uint16_t port;
	if (!model_host_read_authority(text, &host, &port, ret_why))
		return false;
	bool has_brackets = strchr(host.name, ':') != NULL;
	text_addf(to, has_brackets ? "[%s]" : "%s", host.name);
	if (port != 0)
		text_addf(to, ":%u", port);
	return true;
}

/* Reads a text of one of the string types into its normal form. */
static bool normalise(const struct model_field *field, struct str text, struct text *to,
        struct model_why *ret_why)
{
	struct model_host host;
	if (field->type == MODEL_FIELD_AUTHORITY)
		return read_authority(text, to, ret_why);
	if (field->type == MODEL_FIELD_NAME || field->type == MODEL_FIELD_HOST) {
		if (!(field->type == MODEL_FIELD_NAME
		                    ? model_host_read_pattern(text, &host, ret_why)
		                    : model_host_read(text, &host, ret_why)))
			return false;
		text_add(to, str_of(host.name));
		return true;
	}
	if (!is_in_range(field, text.len))
		return refuse_range(
		        ret_why, "has a length in bytes that is not in", field->allowed);
	if (field->type == MODEL_FIELD_PATH && !is_path(text))
		return refuse(ret_why, "value",
		        "is no path: it begins with / and has neither spaces nor # nor letters "
		        "beyond "
		        "ASCII");
	if (!is_printable(text))
		return refuse(ret_why, "value", "is not printable text");
	text_add(to, text);
	return true;
}

static bool read_string(const struct model_field *field, struct model_domain *domain,
        const char **member, struct str text, struct model_why *ret_why)
{
	if (text.len == 0) {
		*member = NULL;
		return true;
	}
	struct text normal = {0};
	bool is_read = normalise(field, text, &normal, ret_why);
	if (is_read)
		*member = model_domain_copy(domain, text_str(&normal));
	text_done(&normal);
	return is_read;
}

/* Sets and lists. */

/* One of "404", "400-499"; false when it is neither. */
static bool read_status_range(struct str item, unsigned *ret_first, unsigned *ret_last)
{
	uint64_t first, last;
	struct str rest = item;
	struct str part = str_cut(&rest, '-');
	if (!str_to_u64(part, &first))
		return false;
	last = first;
	if (rest.at != NULL && !str_to_u64(rest, &last))
		return false;
	if (first < 100 || first > last || last > 599)
		return false;
	*ret_first = (unsigned)first;
	*ret_last = (unsigned)last;
	return true;
}

bool model_value_add_statuses(
        struct model_statuses *statuses, struct str text, struct model_why *ret_why)
{
	struct model_statuses sum = *statuses;
	struct str rest = text;
	do {
		struct str item = str_trim(str_cut(&rest, ','));
		bool is_taken_out = item.len > 0 && item.at[0] == '!';
		unsigned first, last;
		if (str_is_equal(item, STR("none")))
			continue;
		if (is_taken_out)
			item = str_trim(str_make(item.at + 1, item.len - 1));
		if (!read_status_range(item, &first, &last))
			return refuse_range(ret_why,
			        "is no list of statuses such as 400-599,!412; each is in",
			        "100-599");
		model_statuses_set(&sum, first, last, !is_taken_out);
	} while (rest.at != NULL);
	*statuses = sum;
	return true;
}

static bool read_addresses(const struct model_field *field, struct model_domain *domain,
        struct model_origin *origin, struct str text, struct model_why *ret_why)
{
	struct model_address read[LIMIT_ADDRESSES];
	uint8_t count = 0;
	struct str rest = text;
	while (text.len != 0 && rest.at != NULL) {
		if (count == LIMIT_ADDRESSES)
			return refuse_range(ret_why, "has a count that is not in", field->allowed);
		struct str item = str_trim(str_cut(&rest, ','));
		if (!model_read_address(domain, item, &read[count++], ret_why))
			return false;
	}
	origin->addresses = model_domain_alloc(domain, count * sizeof(read[0]));
	memcpy(origin->addresses, read, count * sizeof(read[0]));
	origin->address_count = count;
	return true;
}

/* The origin that has this member. */
static struct model_origin *origin_of(void *addresses)
{
	return container_of(addresses, struct model_origin, addresses);
}

static const struct model_origin *origin_of_const(const void *addresses)
{
	return (const void *)((const char *)addresses - offsetof(struct model_origin, addresses));
}

bool model_value_read(const struct model_field *field, struct model_domain *domain, struct str text,
        struct model_why *ret_why)
{
	void *member = model_field_member(field, domain);
	CHECK(member != NULL);
	struct model_statuses statuses = {0};
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_SECRET:
	case MODEL_FIELD_PATH:
		return read_string(field, domain, member, text, ret_why);
	case MODEL_FIELD_ENUM:
		return read_choice(field, member, text, ret_why);
	case MODEL_FIELD_BOOL:
		return read_bool(member, text, ret_why);
	case MODEL_FIELD_INTEGER:
	case MODEL_FIELD_BYTES:
	case MODEL_FIELD_PERCENT:
	case MODEL_FIELD_DURATION:
	case MODEL_FIELD_SECONDS:
		return read_number(field, member, text, ret_why);
	case MODEL_FIELD_STATUSES:
		if (!model_value_add_statuses(&statuses, text, ret_why))
			return false;
		*(struct model_statuses *)member = statuses;
		return true;
	case MODEL_FIELD_ADDRESSES:
		return read_addresses(field, domain, origin_of(member), text, ret_why);
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
	case MODEL_FIELD_HEADERS:
		return model_list_read(field, domain, text, ret_why);
	}
	return false;
}

/* Printing. */

static void print_choice(const struct model_field *field, uint64_t index, struct text *to)
{
	struct str rest = str_of(field->allowed), choice;
	do {
		CHECK(rest.at != NULL);
		choice = str_cut(&rest, '|');
	} while (index-- != 0);
	text_add(to, choice);
}

static void print_bytes(uint64_t bytes, struct text *to)
{
	static const char UNITS[] = "kmg";
	int unit = -1;
	while (bytes != 0 && bytes % 1024 == 0 && unit < 2) {
		bytes /= 1024;
		unit++;
	}
	text_addf(to, "%llu", (unsigned long long)bytes);
	if (unit >= 0)
		text_add_char(to, UNITS[unit]);
}

void model_value_print_duration(uint64_t ms, struct text *to)
{
	bool is_whole = ms % 1000 == 0;
	text_addf(
	        to, is_whole ? "%llus" : "%llums", (unsigned long long)(is_whole ? ms / 1000 : ms));
}

static void print_seconds(uint64_t ms, struct text *to)
{
	text_addf(to, "%llu", (unsigned long long)ms / 1000);
	if (ms % 1000 == 0)
		return;
	text_addf(to, ".%03llu", (unsigned long long)ms % 1000);
	while (to->at[to->len - 1] == '0')
		to->at[--to->len] = '\0';
}

static void print_statuses(const struct model_statuses *statuses, struct text *to)
{
	bool is_empty = true;
	for (unsigned first = 100; first <= 599; first++) {
		if (!model_statuses_has(statuses, first))
			continue;
		unsigned last = first;
		while (model_statuses_has(statuses, last + 1))
			last++;
		if (!is_empty)
			text_add_char(to, ',');
		text_addf(to, first == last ? "%u" : "%u-%u", first, last);
		is_empty = false;
		first = last;
	}
	if (is_empty)
		text_add(to, STR("none"));
}

void model_value_print_address(const struct model_address *address, struct text *to)
{
	text_addf(to, strchr(address->host, ':') != NULL ? "[%s]" : "%s", address->host);
	if (address->port != 0)
		text_addf(to, ":%u", address->port);
	if (address->weight != 1)
		text_addf(to, address->port != 0 ? ":%u" : "::%u", address->weight);
}

/* How many addresses are written: that of a bucket is made of what is said of it. */
static unsigned written_addresses(const struct model_origin *origin)
{
	return origin->bucket.host != NULL ? 0 : origin->address_count;
}

static void print_addresses(const struct model_origin *origin, struct text *to)
{
	for (unsigned i = 0; i < written_addresses(origin); i++) {
		if (i != 0)
			text_add(to, STR(", "));
		model_value_print_address(&origin->addresses[i], to);
	}
}

void model_value_print(
        const struct model_field *field, const struct model_domain *domain, struct text *to)
{
	const void *member = model_field_member_const(field, domain);
	if (member == NULL)
		return;
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_SECRET:
	case MODEL_FIELD_PATH:
		text_add(to, str_of(*(const char *const *)member));
		break;
	case MODEL_FIELD_ENUM:
		print_choice(field, load(member, field->size), to);
		break;
	case MODEL_FIELD_BOOL:
		text_add(to, *(const bool *)member ? STR("on") : STR("off"));
		break;
	case MODEL_FIELD_INTEGER:
		text_addf(to, "%llu", (unsigned long long)load(member, field->size));
		break;
	case MODEL_FIELD_BYTES:
		print_bytes(load(member, field->size), to);
		break;
	case MODEL_FIELD_PERCENT:
		text_addf(to, "%llu%%", (unsigned long long)load(member, field->size));
		break;
	case MODEL_FIELD_DURATION:
		model_value_print_duration(load(member, field->size), to);
		break;
	case MODEL_FIELD_SECONDS:
		print_seconds(load(member, field->size), to);
		break;
	case MODEL_FIELD_STATUSES:
		print_statuses(member, to);
		break;
	case MODEL_FIELD_ADDRESSES:
		print_addresses(origin_of_const(member), to);
		break;
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
	case MODEL_FIELD_HEADERS:
		model_list_print(field, member, to);
		break;
	}
}

/* Comparing. */

static bool is_equal_string(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_equal_addresses(const struct model_origin *a, const struct model_origin *b)
{
	if (written_addresses(a) != written_addresses(b))
		return false;
	for (unsigned i = 0; i < written_addresses(a); i++) {
		const struct model_address *first = &a->addresses[i], *second = &b->addresses[i];
		if (strcmp(first->host, second->host) != 0 || first->port != second->port ||
		        first->weight != second->weight)
			return false;
	}
	return true;
}

static bool is_equal_member(const struct model_field *field, const void *a, const void *b)
{
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_SECRET:
	case MODEL_FIELD_PATH:
		return is_equal_string(*(const char *const *)a, *(const char *const *)b);
	case MODEL_FIELD_ENUM:
	case MODEL_FIELD_BOOL:
	case MODEL_FIELD_INTEGER:
	case MODEL_FIELD_BYTES:
	case MODEL_FIELD_PERCENT:
	case MODEL_FIELD_DURATION:
	case MODEL_FIELD_SECONDS:
	case MODEL_FIELD_STATUSES:
		return memcmp(a, b, field->size) == 0;
	case MODEL_FIELD_ADDRESSES:
		return is_equal_addresses(origin_of_const(a), origin_of_const(b));
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
	case MODEL_FIELD_HEADERS:
		return model_list_is_equal(field, a, b);
	}
	return false;
}

bool model_value_is_equal(
        const struct model_field *field, const struct model_domain *a, const struct model_domain *b)
{
	const void *first = model_field_member_const(field, a);
	const void *second = model_field_member_const(field, b);
	if (first == NULL || second == NULL)
		return first == second;
	return is_equal_member(field, first, second);
}

bool model_value_is_default(const struct model_field *field, const struct model_domain *domain)
{
	const struct model_domain *defaults = model_field_defaults();
	const void *member = model_field_member_const(field, domain);
	if (member == NULL)
		return true;
	/* The backup's defaults are those of any origin. */
	const void *standard = field->owner == MODEL_FIELD_OF_BACKUP
	                               ? (const char *)&defaults->origin + field->offset
	                               : model_field_member_const(field, defaults);
	return is_equal_member(field, member, standard);
}

bool model_value_is_in_range(const struct model_field *field, const struct model_domain *domain)
{
	const void *member = model_field_member_const(field, domain);
	if (member == NULL)
		return true;
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_SECRET:
	case MODEL_FIELD_PATH: {
		const char *string = *(const char *const *)member;
		return string == NULL || is_in_range(field, strlen(string));
	}
	case MODEL_FIELD_INTEGER:
	case MODEL_FIELD_BYTES:
	case MODEL_FIELD_PERCENT:
	case MODEL_FIELD_DURATION:
	case MODEL_FIELD_SECONDS:
		return is_in_range(field, load(member, field->size));
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_ENUM:
	case MODEL_FIELD_BOOL:
	case MODEL_FIELD_STATUSES:
	case MODEL_FIELD_ADDRESSES: /* whether there must be any depends on the type of origin */
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
	case MODEL_FIELD_HEADERS:
		break;
	}
	return true;
}
