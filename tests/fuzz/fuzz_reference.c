/* fuzz: http - a reference that is followed stays at home and has no dot segments */
#include "http/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct str target)
{
	struct str path, query;
	CHECK(target.len > 0 && target.at[0] == '/');
	CHECK(str_find(target, '#') < 0 && str_find(target, ' ') < 0);
	http_uri_cut_query(target, &path, &query);
	while (path.len > 0) {
		struct str segment = str_cut(&path, '/');
		CHECK(!str_is_equal(segment, STR(".")) && !str_is_equal(segment, STR("..")));
	}
}

/* Whether a request could have this path; dots would be its own. */
static bool is_base(struct str path)
{
	for (size_t i = 0; i < path.len; i++) {
		if (path.at[i] <= ' ' || path.at[i] > '~' || path.at[i] == '#' || path.at[i] == '.')
			return false;
	}
	return path.len > 0;
}

/* The first line is the path of the base, the rest is the reference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size), path, again;
	struct http_reference_base base = {.host = STR("a.example"), .path = str_cut(&rest, '\n')};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	if (is_base(base.path) && http_reference_resolve(&base, rest, &arena, &path)) {
		check_path(path);
		/* "//x" would be read as an authority. */
		if (!str_has_prefix(path, STR("//"))) {
			CHECK(http_reference_resolve(&base, path, &arena, &again));
			CHECK(str_is_equal(path, again));
		}
	}
	arena_reset(&arena);
	return 0;
}
