/*
 * The master origin, the hot backup, and the switch between them. A part of a domain is changed by
 * changing its domain: so every rule holds, and its version is that of the domain.
 */
#include "control/api.h"
#include "control/change.h"

static const struct part {
	const char *key;
	struct str pointer;
} MASTER = {"origin", {"/origin", 7}}, BACKUP = {"backup", {"/backup", 7}};

/* What of the hot backup is not of its origin, and stays where the two change places. */
static const char *const BACKUP_ALONE[] = {"latch", "latch_ends", "hold_down_s", "cache_max_s"};

/* ---- trees ---- */

/* {"key":value}; with NULL, null. */
static struct model_node *wrap(struct control_call *call, const char *key, struct model_node *value)
{
	struct model_node *object = arena_new(&call->arena, struct model_node);
	if (value == NULL) {
		value = arena_new(&call->arena, struct model_node);
		value->text = STR("null");
		value->is_plain = value->is_typed = true;
	}
	object->kind = MODEL_NODE_MAPPING;
	object->first = value;
	object->count = 1;
	value->key = str_of(key);
	value->parent = object;
	value->next = NULL;
	return object;
}

static struct model_node *take_away(
        struct control_call *call, struct model_node *object, const char *key)
{
	return model_json_merge(&call->arena, object, wrap(call, key, NULL));
}

static struct model_node *put(struct control_call *call, struct model_node *object, const char *key,
        struct model_node *value)
{
	object = take_away(call, object, key);
	return model_json_merge(&call->arena, object, wrap(call, key, value));
}

static struct model_node *get(struct model_node *object, const char *key)
{
	for (struct model_node *node = object->first; node != NULL; node = node->next)
		if (str_is_equal(node->key, str_of(key)))
			return node;
	return NULL;
}

/* ---- reading ---- */

/* One member of a domain's object. */
static void answer_part(struct control_call *call, const struct model_domain *domain,
        const struct part *part, unsigned status)
{
	struct text json = {0};
	struct model_problems problems = {0};
	struct model_node *root;
	model_json_print_domain(domain, MODEL_JSON_ALL, MODEL_PRINT_MASKED, &json);
	CHECK(model_json_read(&call->arena, text_str(&json), &problems, &root));
	model_json_print_node(get(root, part->key), control_call_answer(call, status));
	control_call_set_etag(call, domain->revision);
	text_done(&json);
}

static void refuse_backup(struct control_call *call)
{
	control_call_refuse(call, CONTROL_PROBLEM_NO_BACKUP,
	        "the domain %.*s has no hot backup origin", STR_ARG(call->names[0]));
}

static void read_part(struct control_call *call, const struct part *part)
{
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	const struct model_domain *domain = model_snapshot_get(now, control_call_domain(call));
	if (domain == NULL)
		control_call_refuse_domain(call);
	else if (part == &BACKUP && domain->backup == NULL)
		refuse_backup(call);
	else
		answer_part(call, domain, part, 200);
	model_snapshot_unref(now);
}

void control_api_origin_read(struct control_call *call)
{
	read_part(call, &MASTER);
}

void control_api_backup_read(struct control_call *call)
{
	read_part(call, &BACKUP);
}

/* ---- changes ---- */

/* What a change of a part is answered with, when the domain was. */
static void answer_with_part(struct control_change *change, const struct part *part)
{
	struct control_call *call = change->call;
	unsigned status = call->answer.status;
	if (control_call_is_dry(call) || status >= 300 || status == 204)
		return;
	struct text json = {0};
	struct model_problems problems = {0};
	struct model_node *root;
	text_add(&json, text_str(&call->answer.body));
	CHECK(model_json_read(&call->arena, text_str(&json), &problems, &root));
	text_clear(&call->answer.body);
	model_json_print_node(get(root, part->key), &call->answer.body);
	text_done(&json);
}

/* Makes the tree live, and answers the part. */
static void commit(struct control_change *change, const struct model_node *node,
        const struct part *part, const char *action, unsigned status)
{
	struct model_domain *after;
	if (!control_change_read(change, node, part->pointer, &after))
		return;
	control_change_commit(change, after, action, status);
	answer_with_part(change, part);
}

static struct model_node *begin_node(struct control_change *change)
{
	struct control_call *call = change->call;
	struct model_node *node = control_change_node(change, MODEL_PRINT_MASKED);
	return control_query_is_on(&call->query, "remove_backup")
	               ? take_away(call, node, BACKUP.key)
	               : node;
}

static void replace_part(struct control_call *call, const struct part *part, const char *action)
{
	struct control_change change;
	struct model_node *root;
	if (!control_change_read_body(call, str_of(part->key), &root))
		return;
	if (control_change_begin(&change, call)) {
		bool is_new = part == &BACKUP && change.before->backup == NULL;
		struct model_node *node = put(call, begin_node(&change), part->key, root);
		/* What is put in the place of something else must say of what. */
		if (is_new || control_change_must_say(&change))
			commit(&change, node, part, action, is_new ? 201 : 200);
	}
	control_change_end(&change);
}

static void patch_part(struct control_call *call, const struct part *part, const char *action)
{
	struct control_change change;
	struct model_node *root;
	if (!control_change_read_body(call, str_of(part->key), &root))
		return;
	if (control_change_begin(&change, call)) {
		struct model_node *node = begin_node(&change);
		if (part == &BACKUP && change.before->backup == NULL)
			refuse_backup(call);
		else
			commit(&change,
			        model_json_merge(&call->arena, node, wrap(call, part->key, root)),
			        part, action, 200);
	}
	control_change_end(&change);
}

void control_api_origin_replace(struct control_call *call)
{
	replace_part(call, &MASTER, "origin.modify");
}

void control_api_origin_patch(struct control_call *call)
{
	patch_part(call, &MASTER, "origin.change");
}

void control_api_backup_replace(struct control_call *call)
{
	replace_part(call, &BACKUP, "backup.set");
}

void control_api_backup_patch(struct control_call *call)
{
	patch_part(call, &BACKUP, "backup.change");
}

void control_api_backup_delete(struct control_call *call)
{
	struct control_change change;
	struct model_domain *after;
	if (control_change_begin(&change, call)) {
		struct model_node *node = control_change_node(&change, MODEL_PRINT_MASKED);
		if (change.before->backup == NULL)
			refuse_backup(call);
		else if (control_change_read(
		                 &change, take_away(call, node, BACKUP.key), STR_EMPTY, &after))
			control_change_commit(&change, after, "backup.remove", 204);
	}
	control_change_end(&change);
}

/* ---- the switch ---- */

/* Master and backup of a tree in each other's places. */
static struct model_node *exchange(struct control_call *call, struct model_node *node)
{
	struct model_node *master = get(node, MASTER.key), *backup = get(node, BACKUP.key);
	node = take_away(call, take_away(call, node, MASTER.key), BACKUP.key);
	for (size_t i = 0; i < ARRAY_LENGTH(BACKUP_ALONE); i++) {
		struct model_node *alone = get(backup, BACKUP_ALONE[i]);
		if (alone == NULL)
			continue;
		backup = take_away(call, backup, BACKUP_ALONE[i]);
		master = put(call, master, BACKUP_ALONE[i], alone);
	}
	node = put(call, node, MASTER.key, backup);
	return put(call, node, BACKUP.key, master);
}

void control_api_domains_switch(struct control_call *call)
{
	struct control_change change;
	struct model_domain *after;
	if (control_change_begin(&change, call)) {
		/* Masks would be filled with the other origin's secrets. */
		struct model_node *node = control_change_node(&change, MODEL_PRINT_SECRETS);
		if (change.before->backup == NULL)
			control_call_refuse(call, CONTROL_PROBLEM_NOTHING_TO_SWITCH,
			        "the domain %.*s has no hot backup origin",
			        STR_ARG(call->names[0]));
		else if (control_change_read(&change, exchange(call, node), STR_EMPTY, &after))
			control_change_commit(&change, after, "domain.switch", 200);
	}
	control_change_end(&change);
}

/* ---- back to the master ---- */

void control_api_domains_back(struct control_call *call)
{
	struct control_change change;
	struct model_domain *after;
	if (control_change_begin(&change, call)) {
		const struct model_node *node = control_change_node(&change, MODEL_PRINT_MASKED);
		if (change.before->backup == NULL) {
			refuse_backup(call);
		} else if (control_change_read(&change, node, STR_EMPTY, &after)) {
			after->latch_ends++; /* behind the highest number comes 0 */
			control_change_commit(&change, after, "domain.back", 200);
		}
	}
	control_change_end(&change);
}

/* ---- drain ---- */

enum { FIELD_ROLE, FIELD_ADDRESS, FIELD_WEIGHT, FIELDS };

/* The address of an origin that is written so; NULL when it has none, as a bucket. */
static struct model_address *find_address(
        struct model_domain *domain, struct model_origin *origin, struct str text)
{
	struct model_address wanted;
	struct model_why why;
	if (origin->type != MODEL_SELF || !model_read_address(domain, text, &wanted, &why))
		return NULL;
	for (unsigned i = 0; i < origin->address_count; i++) {
		struct model_address *address = &origin->addresses[i];
		if (strcmp(address->host, wanted.host) == 0 && address->port == wanted.port)
			return address;
	}
	return NULL;
}

static void weigh(struct control_change *change, const struct control_form_field *fields)
{
	struct control_call *call = change->call;
	struct model_domain *after;
	enum { WEIGHT_MAX = 100 };
	bool is_backup = str_is_equal(fields[FIELD_ROLE].text, STR("backup"));
	if (!is_backup && !str_is_equal(fields[FIELD_ROLE].text, STR("origin"))) {
		control_call_refuse_field(
		        call, "/role", "choice", "is none of \"origin\" and \"backup\"");
		return;
	}
	if (fields[FIELD_WEIGHT].number > WEIGHT_MAX) {
		control_call_refuse_field(call, "/weight", "range", "is not in 0-%d", WEIGHT_MAX);
		return;
	}
	if (is_backup && change->before->backup == NULL) {
		refuse_backup(call);
		return;
	}
	const struct model_node *node = control_change_node(change, MODEL_PRINT_SECRETS);
	if (!control_change_read(change, node, STR_EMPTY, &after))
		return;
	struct model_address *address = find_address(
	        after, is_backup ? after->backup : &after->origin, fields[FIELD_ADDRESS].text);
	if (address == NULL) {
		model_domain_unref(after);
		control_call_refuse_field(call, "/address", "unknown",
		        "\"%.*s\" is no address of this origin",
		        STR_ARG(fields[FIELD_ADDRESS].text));
		return;
	}
	address->weight = (uint8_t)fields[FIELD_WEIGHT].number;
	if (control_change_check(change, after))
		control_change_commit(change, after, "address.weight", 200);
	else
		model_domain_unref(after);
}

void control_api_domains_weight(struct control_call *call)
{
	struct control_form_field fields[FIELDS] = {
	        [FIELD_ROLE] = {.name = "role", .is_required = true},
	        [FIELD_ADDRESS] = {.name = "address", .is_required = true},
	        [FIELD_WEIGHT] = {.name = "weight",
	                .type = CONTROL_FORM_NUMBER,
	                .is_required = true},
	};
	struct control_change change;
	if (!control_call_read_form(call, fields, FIELDS))
		return;
	if (control_change_begin(&change, call))
		weigh(&change, fields);
	control_change_end(&change);
}
