/*
 * Numbers are taken with as many digits as they have; what 64 bits do not hold is as good as the
 * largest number, since no representation is that long. So "5-99999999999999999999" and "5-" are
 * the same.
 */
#include "http/range.h"

static const struct str UNIT = STR("bytes");

/* Takes the digits at the front off *rest; false where there is none. */
static bool read_number(struct str *rest, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t count = 0;
	bool is_full = false;
	for (; count < rest->len && rest->at[count] >= '0' && rest->at[count] <= '9'; count++) {
		is_full |= __builtin_mul_overflow(number, 10, &number);
		is_full |=
		        __builtin_add_overflow(number, (uint64_t)(rest->at[count] - '0'), &number);
	}
	*rest = str_make(rest->at + count, rest->len - count);
	*ret_number = is_full ? UINT64_MAX : number;
	return count > 0;
}

static bool read_byte(struct str *rest, char byte)
{
	if (rest->len == 0 || rest->at[0] != byte)
		return false;
	*rest = str_make(rest->at + 1, rest->len - 1);
	return true;
}

/* "bytes" and the byte behind it; a unit has no case (14.1). */
static bool read_unit(struct str *rest, char separator)
{
	if (rest->len < UNIT.len || !str_is_equal_nocase(str_make(rest->at, UNIT.len), UNIT))
		return false;
	*rest = str_make(rest->at + UNIT.len, rest->len - UNIT.len);
	return read_byte(rest, separator);
}

/* "0-9", "5-" or "-5". */
static bool read_spec(struct str text, struct http_range_spec *ret_spec)
{
	struct http_range_spec spec = {.is_suffix = read_byte(&text, '-')};
	if (spec.is_suffix) {
		if (!read_number(&text, &spec.last))
			return false;
	} else {
		if (!read_number(&text, &spec.first) || !read_byte(&text, '-'))
			return false;
		if (!read_number(&text, &spec.last))
			spec.last = UINT64_MAX;
	}
	if (text.len > 0 || (!spec.is_suffix && spec.last < spec.first))
		return false;
	*ret_spec = spec;
	return true;
}

bool http_range_parse(struct str value, struct http_range_set *ret_set)
{
	struct str member;
	unsigned count = 0;
	if (!read_unit(&value, '='))
		return false;
	while (http_head_next_member(&value, &member)) {
		if (count == LIMIT_RANGES || !read_spec(member, &ret_set->specs[count]))
			return false;
		count++;
	}
	ret_set->count = count;
	return count > 0;
}

bool http_range_of_request(const struct http_head *head, struct http_range_set *ret_set)
{
	return http_head_count(head, HTTP_NAME_RANGE) == 1 &&
	       http_range_parse(http_head_get(head, HTTP_NAME_RANGE), ret_set);
}

/* What there is of one member; false where there is nothing. */
static bool cut_spec(
        const struct http_range_spec *spec, uint64_t length, struct http_range *ret_range)
{
	uint64_t first = spec->first, last = spec->last;
	if (spec->is_suffix) {
		if (last == 0)
			return false;
		first = last < length ? length - last : 0;
		last = length - 1;
	}
	if (first >= length)
		return false;
	*ret_range = (struct http_range){first, last < length ? last : length - 1};
	return true;
}

/* Whether two ranges overlap, or what lies between is less than the head of a part. */
static bool is_near(const struct http_range *a, const struct http_range *b)
{
	const struct http_range *low = a->first <= b->first ? a : b;
	const struct http_range *high = low == a ? b : a;
	return high->first <= low->last || high->first - low->last - 1 < HTTP_RANGE_PART_COST;
}

/* Makes ranges that are near to each other one, in the place of the earlier of them. */
static void join(struct http_ranges *ranges)
{
	struct http_range *all = ranges->ranges;
	unsigned i = 0;
	while (i < ranges->count) {
		unsigned k = i + 1;
		while (k < ranges->count && !is_near(&all[i], &all[k]))
			k++;
		if (k >= ranges->count) {
			i++;
			continue;
		}
		if (all[k].first < all[i].first)
			all[i].first = all[k].first;
		if (all[k].last > all[i].last)
			all[i].last = all[k].last;
		ranges->count--;
		memmove(&all[k], &all[k + 1], (ranges->count - k) * sizeof(all[0]));
		i = 0; /* what has grown may have come near to one before it */
	}
}

enum http_range_verdict http_range_resolve(
        const struct http_range_set *set, uint64_t length, struct http_ranges *ret_ranges)
{
	struct http_ranges ranges = {0};
	bool is_satisfiable = false;
	for (unsigned i = 0; i < set->count; i++) {
		const struct http_range_spec *spec = &set->specs[i];
		/* 14.1.2: a suffix is satisfiable even of nothing, which no range can say. */
		is_satisfiable |= spec->is_suffix && spec->last > 0;
		if (length > 0 && cut_spec(spec, length, &ranges.ranges[ranges.count]))
			ranges.count++;
	}
	if (ranges.count == 0)
		return is_satisfiable ? HTTP_RANGE_WHOLE : HTTP_RANGE_NONE;
	join(&ranges);
	uint64_t cost = 0;
	for (unsigned i = 0; i < ranges.count; i++)
		cost += http_range_bytes(&ranges.ranges[i]) + HTTP_RANGE_PART_COST;
	if (ranges.count > 1 && cost >= length)
		return HTTP_RANGE_WHOLE;
	*ret_ranges = ranges;
	return HTTP_RANGE_PARTS;
}

void http_range_write_set(struct http_writer *writer, const struct http_range_set *set)
{
	CHECK(set->count > 0 && set->count <= LIMIT_RANGES);
	http_write(writer, STR("bytes="));
	for (unsigned i = 0; i < set->count; i++) {
		const struct http_range_spec *spec = &set->specs[i];
		if (i > 0)
			http_write(writer, STR(","));
		if (!spec->is_suffix)
			http_write_u64(writer, spec->first);
		http_write(writer, STR("-"));
		if (spec->is_suffix || spec->last != UINT64_MAX)
			http_write_u64(writer, spec->last);
	}
}

/* "*", or the number of a length; no number is as long as "*" means. */
static bool read_length(struct str *rest, uint64_t *ret_length)
{
	if (read_byte(rest, '*')) {
		*ret_length = UINT64_MAX;
		return true;
	}
	return read_number(rest, ret_length) && *ret_length != UINT64_MAX;
}

bool http_range_parse_content(struct str value, struct http_content_range *ret_content)
{
	struct http_content_range content = {0};
	if (!read_unit(&value, ' '))
		return false;
	content.is_unsatisfied = read_byte(&value, '*');
	if (!content.is_unsatisfied &&
	        (!read_number(&value, &content.range.first) || !read_byte(&value, '-') ||
	                !read_number(&value, &content.range.last)))
		return false;
	if (!read_byte(&value, '/') || !read_length(&value, &content.length) || value.len > 0)
		return false;
	if (content.is_unsatisfied ? content.length == UINT64_MAX
	                           : content.range.last < content.range.first ||
	                                     content.range.last >= content.length)
		return false;
	*ret_content = content;
	return true;
}

void http_range_write_content(struct http_writer *writer, const struct http_content_range *content)
{
	http_write(writer, STR("bytes "));
	if (content->is_unsatisfied) {
		http_write(writer, STR("*"));
	} else {
		CHECK(content->range.first <= content->range.last &&
		        content->range.last < content->length);
		http_write_u64(writer, content->range.first);
		http_write(writer, STR("-"));
		http_write_u64(writer, content->range.last);
	}
	http_write(writer, STR("/"));
	if (content->length == UINT64_MAX)
		http_write(writer, STR("*"));
	else
		http_write_u64(writer, content->length);
}

static size_t digits_of(uint64_t number)
{
	size_t count = 1;
	for (; number > 9; number /= 10)
		count++;
	return count;
}

size_t http_range_content_bytes(const struct http_content_range *content)
{
	size_t bytes = sizeof("bytes /") - 1;
	bytes += content->is_unsatisfied
	                 ? 1
	                 : digits_of(content->range.first) + 1 + digits_of(content->range.last);
	return bytes + (content->length == UINT64_MAX ? 1 : digits_of(content->length));
}
