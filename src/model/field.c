/*
 * The table is field.def, spelled out: ORIGIN rows become "origin.…" and "backup.…". Ranges and
 * defaults stand there as texts of a document, so that the documentation shows what is read; they
 * are read before main begins, which is before anybody could ask. Rows that don't read stop the
 * program there, and every test with it.
 */
#include "model/field.h"

#include "model/suggest.h"
#include "model/value.h"

/* The four passes over the rows: each takes those of one owner. */
#define ROW(path_, type_, owner_, struct_, member_, allowed_, standard_, words_)                   \
	{                                                                                          \
	        .path = {path_, sizeof(path_) - 1},                                                \
	        .allowed = (allowed_),                                                             \
	        .standard = (standard_),                                                           \
	        .words = (words_),                                                                 \
	        .type = MODEL_FIELD_##type_,                                                       \
	        .owner = MODEL_FIELD_OF_##owner_,                                                  \
	        .offset = offsetof(struct struct_, member_),                                       \
	        .size = sizeof(((struct struct_ *)0)->member_),                                    \
	},
#define IN_DOMAIN(path, type, ...)    ROW(path, type, DOMAIN, model_domain, __VA_ARGS__)
#define IN_ORIGIN(path, type, ...)    ROW("origin." path, type, ORIGIN, model_origin, __VA_ARGS__)
#define IN_BACKUP(path, type, ...)    ROW("backup." path, type, BACKUP, model_origin, __VA_ARGS__)
#define BELOW_BACKUP(path, type, ...) ROW("backup." path, type, DOMAIN, model_domain, __VA_ARGS__)
#define IN_CACHE(path, type, ...)     ROW(path, type, CACHE, model_cache, __VA_ARGS__)
#define NOT_NOW(...)
#define FIELD(owner, ...) FIELD_##owner(__VA_ARGS__)

static const struct model_field FIELDS[] = {
#define FIELD_DOMAIN IN_DOMAIN
#define FIELD_ORIGIN NOT_NOW
#define FIELD_BACKUP NOT_NOW
#define FIELD_RULE   NOT_NOW
#define FIELD_CACHE  NOT_NOW
#include "model/field.def"
#undef FIELD_DOMAIN
#undef FIELD_ORIGIN
#define FIELD_DOMAIN NOT_NOW
#define FIELD_ORIGIN IN_ORIGIN
#include "model/field.def"
#undef FIELD_ORIGIN
#undef FIELD_BACKUP
#define FIELD_ORIGIN IN_BACKUP
#define FIELD_BACKUP BELOW_BACKUP
#include "model/field.def"
#undef FIELD_ORIGIN
#undef FIELD_BACKUP
#undef FIELD_RULE
#undef FIELD_CACHE
#define FIELD_ORIGIN NOT_NOW
#define FIELD_BACKUP NOT_NOW
#define FIELD_RULE   IN_DOMAIN
#define FIELD_CACHE  IN_CACHE
#include "model/field.def"
#undef FIELD_DOMAIN
#undef FIELD_ORIGIN
#undef FIELD_BACKUP
#undef FIELD_RULE
#undef FIELD_CACHE
};

enum { FIELD_COUNT = ARRAY_LENGTH(FIELDS) };

static struct {
	uint64_t min, max;
} ranges[FIELD_COUNT];
static struct model_cache cache_defaults;
static struct model_domain defaults = {.cache = &cache_defaults};

/* Whether `allowed` is a range of what the member holds, or of a length or count. */
static bool has_range(const struct model_field *field)
{
	return field->type != MODEL_FIELD_ENUM && field->type != MODEL_FIELD_BOOL &&
	       field->type != MODEL_FIELD_STATUSES && field->allowed[0] != '\0';
}

__attribute__((constructor)) static void read_table(void)
{
	struct model_why why;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const struct model_field *field = &FIELDS[i];
		struct str max = str_of(field->allowed);
		struct str min = str_cut(&max, '-');
		ranges[i].max = UINT64_MAX;
		CHECK(!has_range(field) ||
		        (model_value_to_number(field, min, &ranges[i].min) &&
		                model_value_to_number(field, max, &ranges[i].max)));
		if (field->owner != MODEL_FIELD_OF_BACKUP && field->standard[0] != '\0')
			CHECK(model_value_read(field, &defaults, str_of(field->standard), &why));
	}
}

const struct model_field *model_field_at(size_t index)
{
	return index < FIELD_COUNT ? &FIELDS[index] : NULL;
}

const struct model_field *model_field_find(struct str path)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (str_is_equal(FIELDS[i].path, path))
			return &FIELDS[i];
	}
	return NULL;
}

/* Whether a path stands below a group; *ret_rest is what follows. Everything is below "". */
static bool is_below(struct str path, struct str group, struct str *ret_rest)
{
	if (group.len == 0) {
		*ret_rest = path;
		return true;
	}
	if (!str_has_prefix(path, group) || path.len == group.len || path.at[group.len] != '.')
		return false;
	*ret_rest = str_make(path.at + group.len + 1, path.len - group.len - 1);
	return true;
}

bool model_field_is_group(struct str path)
{
	struct str rest;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (is_below(FIELDS[i].path, path, &rest))
			return true;
	}
	return false;
}

void model_field_range(const struct model_field *field, uint64_t *ret_min, uint64_t *ret_max)
{
	*ret_min = ranges[field - FIELDS].min;
	*ret_max = ranges[field - FIELDS].max;
}

const void *model_field_member_const(
        const struct model_field *field, const struct model_domain *domain)
{
	switch ((enum model_field_owner)field->owner) {
	case MODEL_FIELD_OF_DOMAIN:
		return (const char *)domain + field->offset;
	case MODEL_FIELD_OF_ORIGIN:
		return (const char *)&domain->origin + field->offset;
	case MODEL_FIELD_OF_BACKUP:
		return domain->backup == NULL ? NULL : (const char *)domain->backup + field->offset;
	case MODEL_FIELD_OF_CACHE:
		return (const char *)domain->cache + field->offset;
	}
	return NULL;
}

void *model_field_member(const struct model_field *field, struct model_domain *domain)
{
	/* What all domains share is written here alone, while the table is read. */
	if (field->owner == MODEL_FIELD_OF_CACHE && domain != &defaults)
		return (char *)model_domain_own_cache(domain) + field->offset;
	/* The domain is not const, so its member is not either. */
	return (void *)(uintptr_t)model_field_member_const(field, domain);
}

const struct model_domain *model_field_defaults(void)
{
	return &defaults;
}

struct str model_field_suggest(struct str group, struct str key)
{
	struct str best = STR_EMPTY;
	unsigned best_distance = model_suggest_limit(key);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		struct str rest;
		if (!is_below(FIELDS[i].path, group, &rest))
			continue;
		struct str name = str_cut(&rest, '.');
		unsigned distance = model_suggest_distance(name, key);
		if (distance < best_distance) {
			best = name;
			best_distance = distance;
		}
	}
	for (size_t i = 0; i < FIELD_COUNT && best.len == 0; i++) {
		struct str path = FIELDS[i].path;
		if (path.len > key.len && path.at[path.len - key.len - 1] == '.' &&
		        str_has_suffix(path, key) && key.len > 0)
			best = path;
	}
	return best;
}
