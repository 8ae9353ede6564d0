/*
 * First the rules R1 and R2 and loops, then what an origin needs by its type, then ranges. What is
 * asked of an origin that R1 forbids is not looked at: its one problem is that it is there.
 */
#include "model/check.h"

#include "http/uri.h"
#include "model/bucket.h"
#include "model/value.h"

#include <stdio.h>

#define EXTENDED_LIFTS " (the setting origin_rules: extended lifts this)"

static const char *const R1_BACKUP = "R1: a hot backup origin is itself self-owned only, IP "
                                     "addresses or a domain name" EXTENDED_LIFTS;
static const char *const R1_MASTER = "R1: only a domain whose master origin is self-owned has a "
                                     "hot backup origin" EXTENDED_LIFTS;
static const char *const R2 = "R2: HTTPS origin-pull (protocol https or follow) cannot be combined "
                              "with a hot backup origin" EXTENDED_LIFTS;
static const char *const R3 =
        "R3: the origin of a domain that a bucket created by itself cannot be modified";

/* Where the problems of one domain go. */
struct checking {
	const struct model_place *place;
	struct model_problems *problems;
};

static void refuse(
        const struct checking *checking, const char *field, const char *rule, const char *message)
{
	struct text pointer = {0};
	text_add(&pointer, str_of(checking->place->pointer));
	text_add(&pointer, str_of(field));
	model_problems_add(checking->problems, checking->place->file, checking->place->line,
	        text_c(&pointer), rule, "%s", message);
	text_done(&pointer);
}

/* The same with a field below an origin. */
static void refuse_in(const struct checking *checking, enum model_role role, const char *field,
        const char *rule, const char *message)
{
	struct text path = {0};
	text_addf(&path, "%s%s", role == MODEL_MASTER ? "/origin" : "/backup", field);
	refuse(checking, text_c(&path), rule, message);
	text_done(&path);
}

static const struct model_origin *origin_in(const struct model_domain *domain, enum model_role role)
{
	return role == MODEL_MASTER ? &domain->origin : domain->backup;
}

static bool breaks_r1(const struct model_domain *domain, enum model_rules rules)
{
	return rules == MODEL_CLASSIC && domain->backup != NULL &&
	       (domain->origin.type != MODEL_SELF || domain->backup->type != MODEL_SELF);
}

static void check_r1_and_r2(
        const struct checking *checking, const struct model_domain *domain, enum model_rules rules)
{
	if (rules != MODEL_CLASSIC || domain->backup == NULL)
		return;
	if (domain->backup->type != MODEL_SELF)
		refuse(checking, "/backup/type", "R1", R1_BACKUP);
	else if (domain->origin.type != MODEL_SELF)
		refuse(checking, "/backup", "R1", R1_MASTER);
	if (domain->origin.protocol != MODEL_HTTP)
		refuse(checking, "/origin/protocol", "R2", R2);
	if (domain->backup->protocol != MODEL_HTTP)
		refuse(checking, "/backup/protocol", "R2", R2);
}

/* Whether a host is the accelerated domain; both are in normal form. */
static bool is_loop(const char *name, const char *host)
{
	if (str_has_prefix(str_of(name), STR("*.")))
		return str_has_suffix(str_of(host), str_of(name + 1));
	return strcmp(name, host) == 0;
}

static void check_loops(
        const struct checking *checking, const struct model_domain *domain, enum model_role role)
{
	const struct model_origin *origin = origin_in(domain, role);
	for (unsigned i = 0; origin != NULL && i < origin->address_count; i++) {
		char field[32];
		if (domain->name == NULL || !is_loop(domain->name, origin->addresses[i].host))
			continue;
		snprintf(field, sizeof(field), "/addresses/%u", i);
		refuse_in(checking, role, field, "loop",
		        "the address is the accelerated domain itself, so that requests would come "
		        "back here");
	}
}

static void check_self(
        const struct checking *checking, const struct model_origin *origin, enum model_role role)
{
	const struct model_bucket *bucket = &origin->bucket;
	if (origin->address_count == 0)
		refuse_in(checking, role, "/addresses", "missing",
		        "a self-owned origin has 1-32 addresses");
	if (bucket->endpoint != NULL || bucket->bucket != NULL || bucket->region != NULL ||
	        bucket->is_private || bucket->key_id != NULL || bucket->secret != NULL ||
	        bucket->token != NULL || bucket->style != MODEL_STYLE_VIRTUAL ||
	        bucket->store_headers != MODEL_STORE_DROP || bucket->strip_disposition)
		refuse_in(checking, role, "/bucket", "value",
		        "only an origin of type cos or s3 has a bucket");
}

static void check_bucket(
        const struct checking *checking, const struct model_origin *origin, enum model_role role)
{
	const struct model_bucket *bucket = &origin->bucket;
	struct model_bucket_why why;
	/* Once its host is made, that is its address. */
	if (origin->address_count != 0 && bucket->host == NULL)
		refuse_in(checking, role, "/addresses", "value",
		        "only a self-owned origin has addresses; this one has a bucket");
	if (origin->host != NULL)
		refuse_in(checking, role, "/host", "value", "a bucket is always sent its own host");
	if (!model_bucket_check(origin, &why))
		refuse_in(checking, role, why.field, why.rule, why.words);
	if (bucket->is_private && (bucket->key_id == NULL || bucket->secret == NULL))
		refuse_in(checking, role, "/bucket/access", "missing",
		        "a private bucket needs key_id and secret");
}

static void check_probe(
        const struct checking *checking, const struct model_origin *origin, enum model_role role)
{
	const struct model_probe *probe = &origin->probe;
	if (probe->path != NULL && origin->type != MODEL_SELF &&
	        !http_uri_is_plain(str_of(probe->path)))
		refuse_in(checking, role, "/probe/path", "value",
		        "the path of a probe at a bucket names an object: whole escapes, and "
		        "neither . nor .. as a segment");
	const struct model_probe *standard = &model_field_defaults()->origin.probe;
	if (probe->path == NULL &&
	        (probe->interval_ms != standard->interval_ms ||
	                probe->timeout_ms != standard->timeout_ms ||
	                probe->rise != standard->rise || probe->fall != standard->fall ||
	                probe->body_contains != NULL))
		refuse_in(checking, role, "/probe", "missing", "a probe needs its path");
}

static void check_tls(
        const struct checking *checking, const struct model_origin *origin, enum model_role role)
{
	const struct {
		const char *field, *path;
	} files[] = {
	        {"/tls/ca", origin->tls.ca},
	        {"/tls/certificate", origin->tls.certificate},
	        {"/tls/key", origin->tls.key},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(files); i++)
		if (origin->protocol != MODEL_HTTP && files[i].path != NULL &&
		        files[i].path[0] != '/')
			refuse_in(checking, role, files[i].field, "value",
			        "is no absolute path: every edge reads the file on its own "
			        "machine");
	if (origin->tls.key != NULL && origin->tls.certificate == NULL)
		refuse_in(checking, role, "/tls/certificate", "missing",
		        "a key needs the certificate that it belongs to");
}

static void check_origin(
        const struct checking *checking, const struct model_origin *origin, enum model_role role)
{
	if (origin->type == MODEL_SELF)
		check_self(checking, origin, role);
	else
		check_bucket(checking, origin, role);
	check_tls(checking, origin, role);
	check_probe(checking, origin, role);
}

static void check_cache(const struct checking *checking, const struct model_domain *domain)
{
	const struct model_cache *cache = domain->cache;
	if (cache->query == MODEL_QUERY_CHOSEN && cache->query_parameters.count == 0)
		refuse(checking, "/cache/query", "missing",
		        "with chosen there are query_parameters");
	if (cache->query != MODEL_QUERY_CHOSEN && cache->query_parameters.count != 0)
		refuse(checking, "/cache/query_parameters", "value",
		        "only with query: chosen there are query_parameters");
}

/* What the list of browsers asks for (hstspreload.org). */
static void check_https(const struct checking *checking, const struct model_domain *domain)
{
	const uint64_t YEAR_MS = UINT64_C(365) * 86400 * 1000;
	if (domain->hsts_preload && (!domain->hsts_subdomains || domain->hsts_ms < YEAR_MS))
		refuse(checking, "/https/hsts_preload", "value",
		        "goes with hsts_subdomains, and hsts of a year or more");
	if (domain->hsts_subdomains && domain->hsts_ms == 0)
		refuse(checking, "/https/hsts_subdomains", "value", "goes with hsts");
}

/* A bucket speaks nothing but HTTP. */
static void check_upgrade(const struct checking *checking, const struct model_domain *domain)
{
	if (domain->origin.type != MODEL_SELF && domain->upgrade_protocols.count != 0)
		refuse(checking, "/upgrade/protocols", "value",
		        "only a domain whose master origin is self-owned has something to change "
		        "to");
}

static void check_ranges(const struct checking *checking, const struct model_domain *domain)
{
	const struct model_field *field;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		if (model_value_is_in_range(field, domain))
			continue;
		struct text pointer = {0}, message = {0};
		struct str rest = field->path;
		while (rest.at != NULL) {
			text_add_char(&pointer, '/');
			text_add(&pointer, str_cut(&rest, '.'));
		}
		text_addf(&message, "is not in %s", field->allowed);
		refuse(checking, text_c(&pointer), "range", text_c(&message));
		text_done(&message);
		text_done(&pointer);
	}
}

bool model_check_rules(const struct model_domain *domain, enum model_rules rules,
        const struct model_place *place, struct model_problems *problems)
{
	const struct checking checking = {place, problems};
	unsigned before = problems->total;
	check_r1_and_r2(&checking, domain, rules);
	check_loops(&checking, domain, MODEL_MASTER);
	check_loops(&checking, domain, MODEL_BACKUP);
	return problems->total == before;
}

bool model_check_classic(const struct model_domain *domain, const struct model_place *place,
        struct model_problems *problems)
{
	const struct checking checking = {place, problems};
	unsigned before = problems->total;
	check_r1_and_r2(&checking, domain, MODEL_CLASSIC);
	return problems->total == before;
}

bool model_check_domain(const struct model_domain *domain, enum model_rules rules,
        const struct model_place *place, struct model_problems *problems)
{
	const struct checking checking = {place, problems};
	unsigned before = problems->total;
	if (domain->name == NULL)
		refuse(&checking, "/name", "missing", "a domain has a name");
	bool is_good = model_check_rules(domain, rules, place, problems);
	check_origin(&checking, &domain->origin, MODEL_MASTER);
	if (domain->backup != NULL && !breaks_r1(domain, rules))
		check_origin(&checking, domain->backup, MODEL_BACKUP);
	check_cache(&checking, domain);
	check_https(&checking, domain);
	check_upgrade(&checking, domain);
	check_ranges(&checking, domain);
	return is_good && problems->total == before;
}

/* Whether a field says where from and how an origin is pulled, which a rotated key does not. */
static bool is_fixed_by_r3(const struct model_field *field)
{
	static const struct str KEYS[] = {
	        {"origin.bucket.key_id", 20},
	        {"origin.bucket.secret", 20},
	        {"origin.bucket.token", 19},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(KEYS); i++) {
		if (str_is_equal(field->path, KEYS[i]))
			return false;
	}
	return field->owner == MODEL_FIELD_OF_ORIGIN;
}

bool model_check_change(const struct model_domain *before, const struct model_domain *after,
        const struct model_place *place, struct model_problems *problems)
{
	const struct checking checking = {place, problems};
	if (before->kind != MODEL_BUCKET_DEFAULT)
		return true;
	bool is_modified = after->kind != before->kind;
	const struct model_field *field;
	for (size_t i = 0; !is_modified && (field = model_field_at(i)) != NULL; i++)
		is_modified = is_fixed_by_r3(field) && !model_value_is_equal(field, before, after);
	if (is_modified)
		refuse(&checking, after->kind == before->kind ? "/origin" : "/kind", "R3", R3);
	return !is_modified;
}
