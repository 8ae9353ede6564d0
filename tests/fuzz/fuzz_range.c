/* fuzz: http - ranges are written and read again as the same, and cover just what was asked for */
#include "http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1024, LENGTHS = 400 };

static bool is_asked_for(const struct http_range_set *set, uint64_t at, uint64_t length)
{
	for (unsigned i = 0; i < set->count; i++) {
		const struct http_range_spec *spec = &set->specs[i];
		if (spec->is_suffix ? length - at <= spec->last
		                    : at >= spec->first && at <= spec->last)
			return true;
	}
	return false;
}

static unsigned times_sent(const struct http_ranges *ranges, uint64_t at)
{
	unsigned times = 0;
	for (unsigned i = 0; i < ranges->count; i++)
		times += at >= ranges->ranges[i].first && at <= ranges->ranges[i].last;
	return times;
}

/* By counting each byte. What is sent and was not asked for lies between near parts. */
static void check_small(const struct http_range_set *set, uint64_t length)
{
	struct http_ranges ranges = {0};
	enum http_range_verdict verdict = http_range_resolve(set, length, &ranges);
	unsigned asked = 0, gap = HTTP_RANGE_PART_COST;
	for (uint64_t at = 0; at < length; at++) {
		bool is_asked = is_asked_for(set, at, length);
		asked += is_asked;
		if (verdict != HTTP_RANGE_PARTS)
			continue;
		unsigned times = times_sent(&ranges, at);
		CHECK(times == is_asked || (times == 1 && !is_asked));
		gap = is_asked ? 0 : gap + 1;
		CHECK(times == 0 || gap < HTTP_RANGE_PART_COST);
	}
	CHECK((verdict == HTTP_RANGE_PARTS) == (ranges.count > 0));
	CHECK(verdict != HTTP_RANGE_NONE || asked == 0);
	CHECK(verdict != HTTP_RANGE_PARTS || asked > 0);
	CHECK(verdict != HTTP_RANGE_WHOLE || length == 0 || set->count > 1);
	for (unsigned i = 0; i < ranges.count; i++)
		CHECK(ranges.ranges[i].first <= ranges.ranges[i].last &&
		        ranges.ranges[i].last < length);
}

static void try_set(struct str text)
{
	struct http_range_set set, again;
	char room[ROOM];
	struct http_writer writer;
	if (!http_range_parse(text, &set))
		return;
	http_writer_init(&writer, room, sizeof(room));
	http_range_write_set(&writer, &set);
	CHECK(!writer.full && http_range_parse(http_writer_str(&writer), &again));
	CHECK(again.count == set.count);
	for (unsigned i = 0; i < set.count; i++)
		CHECK(again.specs[i].first == set.specs[i].first &&
		        again.specs[i].last == set.specs[i].last &&
		        again.specs[i].is_suffix == set.specs[i].is_suffix);
	for (uint64_t length = 0; length < LENGTHS; length += 1 + length / 4)
		check_small(&set, length);
	struct http_ranges ranges;
	http_range_resolve(&set, UINT64_MAX - 1, &ranges);
	http_range_resolve(&set, INT64_MAX, &ranges);
}

static void try_content(struct str text)
{
	struct http_content_range content, again;
	char room[ROOM];
	struct http_writer writer;
	if (!http_range_parse_content(text, &content))
		return;
	http_writer_init(&writer, room, sizeof(room));
	http_range_write_content(&writer, &content);
	CHECK(!writer.full && http_range_parse_content(http_writer_str(&writer), &again));
	CHECK(http_range_content_bytes(&content) == http_writer_str(&writer).len);
	CHECK(again.is_unsatisfied == content.is_unsatisfied && again.length == content.length);
	CHECK(again.range.first == content.range.first && again.range.last == content.range.last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	try_set(text);
	try_content(text);
	return 0;
}
