/*
 * Objects are read as trees, and each key must be one that is known: what a later version adds must
 * not be left out silently by an earlier one.
 */
#include "link/message.h"

#include "base/arena.h"
#include "model/json.h"

enum { ID_BYTES_MAX = 128 };

const char *link_message_name(unsigned kind)
{
	switch (kind) {
#define MESSAGE(id, number, words)                                                                 \
	case LINK_SAYS_##id:                                                                       \
		return #id;
#include "link/message.def"
#undef MESSAGE
	default:
		return NULL;
	}
}

void link_message_print(enum link_message_kind kind, struct str payload, struct text *to)
{
	CHECK(payload.len <= LIMIT_LINK_MESSAGE_BYTES);
	for (unsigned i = 0; i < 4; i++)
		text_add_char(to, (char)(payload.len >> (8 * i)));
	text_add_char(to, (char)kind);
	for (unsigned i = 5; i < LINK_MESSAGE_HEAD_BYTES; i++)
		text_add_char(to, '\0');
	text_add(to, payload);
}

enum link_message_take link_message_take(
        struct str *rest, enum link_message_kind *ret_kind, struct str *ret_payload)
{
	const unsigned char *head = (const unsigned char *)rest->at;
	if (rest->len < LINK_MESSAGE_HEAD_BYTES)
		return LINK_MESSAGE_MORE;
	size_t length = 0;
	for (unsigned i = 0; i < 4; i++)
		length |= (size_t)head[i] << (8 * i);
	if (length > LIMIT_LINK_MESSAGE_BYTES || link_message_name(head[4]) == NULL ||
	        (head[5] | head[6] | head[7]) != 0)
		return LINK_MESSAGE_BAD;
	if (rest->len - LINK_MESSAGE_HEAD_BYTES < length)
		return LINK_MESSAGE_MORE;
	*ret_kind = (enum link_message_kind)head[4];
	*ret_payload = str_make(rest->at + LINK_MESSAGE_HEAD_BYTES, length);
	*rest = str_make(ret_payload->at + length, rest->len - LINK_MESSAGE_HEAD_BYTES - length);
	return LINK_MESSAGE_TAKEN;
}

/* ---- what is in them ---- */

/* Whether it is an object that has no other keys than these. */
static bool has_only(const struct model_node *object, const char *const *keys, size_t count)
{
	if (object->kind != MODEL_NODE_MAPPING)
		return false;
	for (const struct model_node *node = object->first; node != NULL; node = node->next) {
		size_t i = 0;
		while (i < count && !str_is_equal(node->key, str_of(keys[i])))
			i++;
		if (i == count)
			return false;
	}
	return true;
}

/* An object that has no other keys than these; NULL when it is none. */
static const struct model_node *read_object(
        struct arena *arena, struct str payload, const char *const *keys, size_t count)
{
	struct model_problems problems = {0};
	struct model_node *root = NULL;
	bool is_read = model_json_read(arena, payload, &problems, &root);
	model_problems_done(&problems);
	return is_read && has_only(root, keys, count) ? root : NULL;
}

static bool read_number(const struct model_node *object, const char *key, uint64_t *ret_number)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	return node != NULL && node->kind == MODEL_NODE_SCALAR && node->is_plain &&
	       str_to_u64(node->text, ret_number);
}

static bool read_text(const struct model_node *object, const char *key, struct str *ret_text)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || node->is_plain)
		return false;
	*ret_text = node->text;
	return true;
}

static bool is_visible(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] <= ' ' || text.at[i] >= 0x7f)
			return false;
	return text.len <= ID_BYTES_MAX;
}

void link_message_print_hello(const struct link_hello *hello, struct text *to)
{
	text_addf(to, "{\"v\":%d,\"id\":", LINK_MESSAGE_VERSION);
	text_add_json(to, hello->id);
	text_add(to, STR(",\"run\":"));
	text_add_json(to, hello->run);
	if (hello->version.len > 0) {
		text_add(to, STR(",\"version\":"));
		text_add_json(to, hello->version);
	}
	text_add(to, STR(",\"store\":"));
	text_add_json(to, hello->store);
	text_addf(to, ",\"revision\":%llu,\"purged\":%llu,\"oldest\":%llu,\"past\":[",
	        (unsigned long long)hello->revision, (unsigned long long)hello->purged,
	        (unsigned long long)hello->oldest);
	for (unsigned i = 0; i < hello->past_count; i++) {
		const struct link_past *past = &hello->past[i];
		text_add(to, i == 0 ? STR("{\"store\":") : STR(",{\"store\":"));
		text_add_json(to, past->store);
		text_addf(to, ",\"revision\":%llu,\"purged\":%llu}",
		        (unsigned long long)past->revision, (unsigned long long)past->purged);
	}
	text_add(to, STR("]}"));
}

/* The list of a greeting, which is the arena's. */
static bool read_past(
        struct arena *arena, const struct model_node *root, struct link_hello *ret_hello)
{
	static const char *const KEYS[] = {"store", "revision", "purged"};
	const struct model_node *list = model_node_get(root, STR("past"));
	if (list == NULL || list->kind != MODEL_NODE_LIST || list->count > LIMIT_LINK_EPOCHS)
		return false;
	struct link_past *past = arena_alloc(arena, (list->count + 1) * sizeof(*past));
	ret_hello->past = past;
	ret_hello->past_count = list->count;
	for (const struct model_node *node = list->first; node != NULL; node = node->next, past++)
		if (!has_only(node, KEYS, ARRAY_LENGTH(KEYS)) ||
		        !read_text(node, "store", &past->store) || !is_visible(past->store) ||
		        !read_number(node, "revision", &past->revision) ||
		        !read_number(node, "purged", &past->purged))
			return false;
	return true;
}

/* Who keeps one instead of saying it has none. */
static bool read_version(const struct model_node *root, struct str *ret_version)
{
	*ret_version = STR_EMPTY;
	return model_node_get(root, STR("version")) == NULL ||
	       (read_text(root, "version", ret_version) && is_visible(*ret_version));
}

bool link_message_read_hello(struct arena *arena, struct str payload, struct link_hello *ret_hello,
        struct text *ret_error)
{
	static const char *const KEYS[] = {
	        "v", "id", "run", "version", "store", "revision", "purged", "oldest", "past"};
	struct model_problems problems = {0};
	struct model_node *root;
	struct link_hello hello;
	uint64_t version;
	/* The version first: what else another one says may be anything. */
	bool is_read = model_json_read(arena, payload, &problems, &root);
	model_problems_done(&problems);
	if (!is_read || !read_number(root, "v", &version)) {
		text_add(ret_error, STR("is no greeting"));
		return false;
	}
	if (version != LINK_MESSAGE_VERSION) {
		text_addf(ret_error, "speaks version %llu of the link, and this program %d",
		        (unsigned long long)version, LINK_MESSAGE_VERSION);
		return false;
	}
	if (read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS)) == NULL ||
	        !read_text(root, "id", &hello.id) || !read_text(root, "run", &hello.run) ||
	        !read_version(root, &hello.version) || !read_text(root, "store", &hello.store) ||
	        !read_number(root, "revision", &hello.revision) ||
	        !read_number(root, "purged", &hello.purged) ||
	        !read_number(root, "oldest", &hello.oldest) || hello.id.len == 0 ||
	        hello.run.len == 0 || !is_visible(hello.run) || !is_visible(hello.id) ||
	        !is_visible(hello.store) || !read_past(arena, root, &hello)) {
		text_add(ret_error, STR("does not say who it is and what it knows"));
		return false;
	}
	*ret_hello = hello;
	return true;
}

bool link_message_read_kept_hello(
        struct arena *arena, struct str payload, struct link_hello *ret_hello)
{
	struct model_problems problems = {0};
	struct model_node *root;
	bool is_read = model_json_read(arena, payload, &problems, &root);
	model_problems_done(&problems);
	*ret_hello = (struct link_hello){0};
	return is_read && read_text(root, "store", &ret_hello->store) &&
	       is_visible(ret_hello->store) &&
	       read_number(root, "revision", &ret_hello->revision) &&
	       read_number(root, "purged", &ret_hello->purged);
}

bool link_message_is_known(
        const struct link_hello *hello, struct str store, uint64_t revision, uint64_t purged)
{
	if (str_is_equal(store, hello->store))
		return revision <= hello->revision && purged <= hello->purged;
	for (unsigned i = 0; i < hello->past_count; i++)
		if (str_is_equal(store, hello->past[i].store))
			return revision <= hello->past[i].revision &&
			       purged <= hello->past[i].purged;
	return false;
}

void link_message_print_number(const char *key, uint64_t number, const char *error, struct text *to)
{
	text_addf(to, "{\"%s\":%llu", key, (unsigned long long)number);
	if (error != NULL) {
		text_add(to, STR(",\"error\":"));
		text_add_json(to, str_of(error));
	}
	text_add_char(to, '}');
}

bool link_message_read_number(struct arena *arena, struct str payload, const char *key,
        uint64_t *ret_number, struct str *ret_error)
{
	const char *const keys[] = {key, "error"};
	const struct model_node *object =
	        read_object(arena, payload, keys, ret_error != NULL ? 2 : 1);
	return object != NULL && read_number(object, key, ret_number) &&
	       (ret_error == NULL || read_text(object, "error", ret_error));
}

void link_message_print_name(struct str name, struct text *to)
{
	text_add(to, STR("{\"name\":"));
	text_add_json(to, name);
	text_add_char(to, '}');
}

bool link_message_read_name(struct arena *arena, struct str payload, struct str *ret_name)
{
	static const char *const KEYS[] = {"name"};
	const struct model_node *object = read_object(arena, payload, KEYS, 1);
	return object != NULL && read_text(object, "name", ret_name);
}

void link_message_print_purge(uint64_t number, struct str line, struct text *to)
{
	if (line.len > 0 && line.at[line.len - 1] == '\n')
		line.len--;
	text_addf(to, "{\"number\":%llu,\"purge\":", (unsigned long long)number);
	text_add(to, line);
	text_add_char(to, '}');
}

bool link_message_read_purge(struct arena *arena, struct str payload, uint64_t *ret_number,
        struct link_purge *ret_purge, struct text *ret_error)
{
	static const char *const KEYS[] = {"number", "purge"};
	const struct model_node *object = read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS));
	const struct model_node *purge =
	        object != NULL ? model_node_get(object, STR("purge")) : NULL;
	if (purge == NULL || !read_number(object, "number", ret_number))
		return false;
	/* When it cannot be read, ret_error says so. */
	(void)!link_command_read_object(arena, purge, ret_purge, ret_error);
	return true;
}

void link_message_print_purged(const struct link_purged *purged, struct text *to)
{
	text_addf(to,
	        "{\"number\":%llu,\"purged\":%llu,\"error\":", (unsigned long long)purged->number,
	        (unsigned long long)purged->purged);
	text_add_json(to, purged->error);
	text_add_char(to, '}');
}

bool link_message_read_purged(
        struct arena *arena, struct str payload, struct link_purged *ret_purged)
{
	static const char *const KEYS[] = {"number", "purged", "error"};
	struct link_purged purged;
	const struct model_node *object = read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS));
	if (object == NULL || !read_number(object, "number", &purged.number) ||
	        !read_number(object, "purged", &purged.purged) ||
	        !read_text(object, "error", &purged.error))
		return false;
	*ret_purged = purged;
	return true;
}

/* ---- certificates ---- */

void link_message_print_certificate(
        const struct link_message_certificate *certificate, struct text *to)
{
	text_add(to, STR("{\"name\":"));
	text_add_json(to, certificate->name);
	text_addf(to,
	        ",\"revision\":%llu,\"certificate\":", (unsigned long long)certificate->revision);
	text_add_json(to, certificate->chain);
	text_add(to, STR(",\"key\":"));
	text_add_json(to, certificate->key);
	text_add_char(to, '}');
}

bool link_message_read_certificate(
        struct arena *arena, struct str payload, struct link_message_certificate *ret_certificate)
{
	static const char *const KEYS[] = {"name", "revision", "certificate", "key"};
	const struct model_node *object = read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS));
	struct link_message_certificate said;
	if (object == NULL || !read_text(object, "name", &said.name) ||
	        !read_number(object, "revision", &said.revision) ||
	        !read_text(object, "certificate", &said.chain) ||
	        !read_text(object, "key", &said.key) || said.name.len == 0 ||
	        said.name.len > LIMIT_CERTIFICATE_NAME_BYTES || !is_visible(said.name) ||
	        said.chain.len > LIMIT_CERTIFICATE_BYTES ||
	        said.key.len > LIMIT_CERTIFICATE_KEY_BYTES)
		return false;
	*ret_certificate = said;
	return true;
}

bool link_message_read_certificates(struct arena *arena, struct str payload, uint64_t *ret_revision,
        const struct model_node **ret_names)
{
	static const char *const KEYS[] = {"revision", "names"};
	const struct model_node *object = read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS));
	const struct model_node *names =
	        object != NULL ? model_node_get(object, STR("names")) : NULL;
	if (names == NULL || names->kind != MODEL_NODE_LIST || names->count > LIMIT_CERTIFICATES ||
	        !read_number(object, "revision", ret_revision))
		return false;
	for (const struct model_node *node = names->first; node != NULL; node = node->next)
		if (node->kind != MODEL_NODE_SCALAR || node->is_plain)
			return false;
	*ret_names = names;
	return true;
}

/* ---- questions ---- */

void link_message_print_ask(uint64_t number, struct str what, struct str question, struct text *to)
{
	text_addf(to, "{\"number\":%llu,\"what\":", (unsigned long long)number);
	text_add_json(to, what);
	text_add(to, STR(",\"question\":"));
	text_add(to, question);
	text_add_char(to, '}');
}

bool link_message_read_ask(struct arena *arena, struct str payload, uint64_t *ret_number,
        struct str *ret_what, const struct model_node **ret_question)
{
	static const char *const KEYS[] = {"number", "what", "question"};
	const struct model_node *object = read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS));
	const struct model_node *question =
	        object != NULL ? model_node_get(object, STR("question")) : NULL;
	uint64_t number;
	if (question == NULL || !read_number(object, "number", &number) || number == 0 ||
	        !read_text(object, "what", ret_what))
		return false;
	*ret_number = number;
	*ret_question = question;
	return true;
}

void link_message_print_answer(const struct link_told *told, struct text *to)
{
	text_addf(to, "{\"number\":%llu,\"error\":", (unsigned long long)told->number);
	text_add_json(to, told->error);
	text_add(to, STR(",\"answer\":"));
	text_add_json(to, told->answer);
	text_add_char(to, '}');
}

bool link_message_read_answer(struct arena *arena, struct str payload, struct link_told *ret_told)
{
	static const char *const KEYS[] = {"number", "error", "answer"};
	const struct model_node *object = read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS));
	struct link_told told;
	if (object == NULL || !read_number(object, "number", &told.number) ||
	        !read_text(object, "error", &told.error) ||
	        !read_text(object, "answer", &told.answer) ||
	        (told.error.len == 0) == (told.answer.len == 0))
		return false;
	*ret_told = told;
	return true;
}

/* ---- reports ---- */

static const struct {
	const char *key;
	enum link_message_kind message;
} REPORTS[LINK_REPORTS] = {
        [LINK_REPORT_HEALTH] = {"health", LINK_SAYS_HEALTH},
        [LINK_REPORT_COUNTERS] = {"counters", LINK_SAYS_COUNTERS},
        [LINK_REPORT_LOG] = {"log", LINK_SAYS_LOG},
};

enum link_message_kind link_message_of_report(enum link_report_kind kind)
{
	CHECK(kind < LINK_REPORTS);
	return REPORTS[kind].message;
}

enum link_report_kind link_message_report_of(enum link_message_kind kind)
{
	unsigned i = 0;
	while (i < LINK_REPORTS && REPORTS[i].message != kind)
		i++;
	return (enum link_report_kind)i;
}

void link_message_print_subscription(const struct link_subscription *subscription, struct text *to)
{
	for (unsigned i = 0; i < LINK_REPORTS; i++)
		text_addf(to, "%s\"%s\":%u", i == 0 ? "{" : ",", REPORTS[i].key,
		        subscription->every_ms[i]);
	text_add(to, STR(",\"filters\":["));
	for (unsigned i = 0; i < subscription->filter_count; i++) {
		if (i > 0)
			text_add_char(to, ',');
		link_filter_print(&subscription->filters[i], to);
	}
	text_add(to, STR("]}"));
}

static bool read_filters(const struct model_node *list, struct link_subscription *to)
{
	if (list == NULL || list->kind != MODEL_NODE_LIST || list->count > LIMIT_TAIL_STREAMS)
		return false;
	for (const struct model_node *node = list->first; node != NULL; node = node->next)
		if (!link_filter_read(node, &to->filters[to->filter_count++]))
			return false;
	return true;
}

bool link_message_read_subscription(
        struct arena *arena, struct str payload, struct link_subscription *ret_subscription)
{
	const char *keys[LINK_REPORTS + 1];
	struct link_subscription subscription;
	memset(&subscription, 0, sizeof(subscription));
	for (unsigned i = 0; i < LINK_REPORTS; i++)
		keys[i] = REPORTS[i].key;
	keys[LINK_REPORTS] = "filters";
	const struct model_node *object = read_object(arena, payload, keys, ARRAY_LENGTH(keys));
	for (unsigned i = 0; i < LINK_REPORTS; i++) {
		uint64_t every_ms;
		if (object == NULL || !read_number(object, keys[i], &every_ms) ||
		        every_ms > UINT32_MAX)
			return false;
		subscription.every_ms[i] = (uint32_t)every_ms;
	}
	if (!read_filters(model_node_get(object, STR("filters")), &subscription))
		return false;
	memcpy(ret_subscription, &subscription, sizeof(subscription));
	return true;
}

void link_message_print_report(
        const struct link_report_head *head, struct str items, struct text *to)
{
	text_addf(to, "{\"more\":%s,\"dropped\":%llu,\"items\":[",
	        head->has_more ? "true" : "false", (unsigned long long)head->dropped);
	text_add(to, items);
	text_add(to, STR("]}"));
}

static bool read_bool(const struct model_node *object, const char *key, bool *ret_bool)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || !node->is_plain)
		return false;
	*ret_bool = str_is_equal(node->text, STR("true"));
	return *ret_bool || str_is_equal(node->text, STR("false"));
}

bool link_message_read_report(struct arena *arena, struct str payload,
        struct link_report_head *ret_head, const struct model_node **ret_items)
{
	static const char *const KEYS[] = {"more", "dropped", "items"};
	struct link_report_head head;
	const struct model_node *object = read_object(arena, payload, KEYS, ARRAY_LENGTH(KEYS));
	const struct model_node *items =
	        object != NULL ? model_node_get(object, STR("items")) : NULL;
	if (items == NULL || items->kind != MODEL_NODE_LIST ||
	        !read_bool(object, "more", &head.has_more) ||
	        !read_number(object, "dropped", &head.dropped))
		return false;
	*ret_head = head;
	*ret_items = items;
	return true;
}
