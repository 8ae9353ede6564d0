/*
 * A type is a case in each of the two switches: reading and printing. Lists are kept as the texts
 * that were given, held against their form when they are read.
 */
#include "main/settings.h"

#include "base/address.h"
#include "base/mem.h"
#include "model/suggest.h"

#include <limits.h>

static const struct setting SETTINGS[] = {
#define SETTINGS_OFFSET_STRING(name)    offsetof(struct settings, name)
#define SETTINGS_OFFSET_SWITCH(name)    offsetof(struct settings, name)
#define SETTINGS_OFFSET_CHOICE(name)    offsetof(struct settings, name)
#define SETTINGS_OFFSET_INTEGER(name)   offsetof(struct settings, name)
#define SETTINGS_OFFSET_BYTES(name)     offsetof(struct settings, name)
#define SETTINGS_OFFSET_DURATION(name)  offsetof(struct settings, name##_ms)
#define SETTINGS_OFFSET_ADDRESSES(name) offsetof(struct settings, name)
#define SETTINGS_OFFSET_PREFIXES(name)  offsetof(struct settings, name)
#define SETTINGS_OFFSET_SERVERS(name)   offsetof(struct settings, name)
#define SETTINGS_OFFSET_DISKS(name)     offsetof(struct settings, name)
#define SETTING(name_, type_, allowed_, standard_, words_)                                         \
	{.name = {#name_, sizeof(#name_) - 1},                                                     \
	        .allowed = (allowed_),                                                             \
	        .standard = (standard_),                                                           \
	        .words = (words_),                                                                 \
	        .type = SETTINGS_##type_,                                                          \
	        .offset = SETTINGS_OFFSET_##type_(name_)},
#include "main/settings.def"
#undef SETTING
};

static void *member(struct settings *settings, const struct setting *setting)
{
	return (char *)settings + setting->offset;
}

static const void *member_const(const struct settings *settings, const struct setting *setting)
{
	return (const char *)settings + setting->offset;
}

static bool refuse(struct model_why *ret_why, const char *rule, const char *words)
{
	*ret_why = (struct model_why){.rule = rule, .words = words};
	return false;
}

static bool to_number(const struct setting *setting, struct str text, uint64_t *ret_number)
{
	if (setting->type == SETTINGS_DURATION)
		return str_to_ms(text, ret_number);
	if (setting->type == SETTINGS_BYTES || setting->type == SETTINGS_DISKS)
		return str_to_bytes(text, ret_number);
	return str_to_u64(text, ret_number);
}

static const char *words_for_number(const struct setting *setting)
{
	if (setting->type == SETTINGS_DURATION)
		return "is no length of time such as 500ms, 10s or 5m";
	if (setting->type == SETTINGS_BYTES)
		return "is no size such as 4096, 32k or 1g";
	return "is no whole number";
}

/* Whether the value is one of those, or in one of the ranges, that `allowed` lists. */
static bool is_allowed(const struct setting *setting, uint64_t value)
{
	struct str rest = str_of(setting->allowed);
	while (rest.at != NULL) {
		uint64_t low, high;
		struct str last = str_cut(&rest, '|');
		struct str first = str_cut(&last, '-');
		CHECK(to_number(setting, first, &low));
		CHECK(to_number(setting, last.at != NULL ? last : first, &high));
		if (value >= low && value <= high)
			return true;
	}
	return false;
}

static bool set_number(
        uint64_t *number, const struct setting *setting, struct str text, struct model_why *ret_why)
{
	uint64_t value;
	if (!to_number(setting, text, &value))
		return refuse(ret_why, "type", words_for_number(setting));
	if (!is_allowed(setting, value)) {
		*ret_why = (struct model_why){"range", "is not in", setting->allowed};
		return false;
	}
	*number = value;
	return true;
}

static bool set_choice(
        unsigned *choice, const struct setting *setting, struct str text, struct model_why *ret_why)
{
	struct str rest = str_of(setting->allowed);
	for (unsigned i = 0; rest.at != NULL; i++) {
		if (!str_is_equal(str_cut(&rest, '|'), text))
			continue;
		*choice = i;
		return true;
	}
	*ret_why = (struct model_why){"choice", "is not one of", setting->allowed};
	return false;
}

static bool set_switch(
        bool *is_on, const struct setting *setting, struct str text, struct model_why *ret_why)
{
	/* The words that YAML has for it, too. */
	bool is_true = str_is_equal(text, STR("true")) || str_is_equal(text, STR("on"));
	bool is_false = str_is_equal(text, STR("false")) || str_is_equal(text, STR("off"));
	if (!is_true && !is_false) {
		*ret_why = (struct model_why){"choice", "is not one of", setting->allowed};
		return false;
	}
	*is_on = is_true;
	return true;
}

static bool has_control_character(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return true;
	}
	return false;
}

static bool set_string(char **string, struct str text, struct model_why *ret_why)
{
	if (has_control_character(text))
		return refuse(ret_why, "syntax", "has a control character");
	mem_free(*string);
	*string = mem_copy(text.at, text.len);
	return true;
}

static bool is_server(struct str text)
{
	struct address address;
	return address_parse_ip(text, 0, &address) || address_parse(text, &address);
}

bool settings_read_disk(struct str item, struct settings_disk *ret_disk)
{
	size_t end = item.len;
	while (end > 0 && item.at[end - 1] != ':')
		end--;
	if (end < 2 || item.at[0] != '/')
		return false;
	struct settings_disk disk = {.path = str_make(item.at, end - 1)};
	if (!str_to_bytes(str_make(item.at + end, item.len - end), &disk.bytes))
		return false;
	*ret_disk = disk;
	return true;
}

static bool check_disk(const struct setting *setting, struct str text, struct model_why *ret_why)
{
	struct settings_disk disk;
	if (has_control_character(text))
		return refuse(ret_why, "syntax", "has a control character");
	/* By a flag it would be two. */
	if (str_find(text, ',') >= 0)
		return refuse(ret_why, "syntax", "has a comma, which no path of a disk may have");
	if (!settings_read_disk(text, &disk))
		return refuse(ret_why, "disk",
		        "is no PATH:SIZE such as /var/cache/headwater/disk:100g, from / on");
	if (disk.path.len >= PATH_MAX)
		return refuse(ret_why, "range", "has a path that is too long");
	if (!is_allowed(setting, disk.bytes)) {
		*ret_why =
		        (struct model_why){"range", "has a size that is not in", setting->allowed};
		return false;
	}
	return true;
}

static bool add_item(struct words *list, const struct setting *setting, struct str text,
        struct model_why *ret_why)
{
	struct address address;
	struct address_prefix prefix;
	bool is_off = str_has_prefix(str_of(setting->allowed), STR("off|")) &&
	              str_is_equal(text, STR("off"));
	if (setting->type == SETTINGS_ADDRESSES && !is_off && !address_parse(text, &address))
		return refuse(
		        ret_why, "address", "is no ADDRESS:PORT such as 127.0.0.1:8080 or [::]:80");
	if (setting->type == SETTINGS_PREFIXES && !address_prefix_parse(text, &prefix))
		return refuse(ret_why, "prefix",
		        "is no address or prefix such as 192.0.2.1 or 2001:db8::/32");
	if (setting->type == SETTINGS_SERVERS && !is_server(text))
		return refuse(ret_why, "address",
		        "is no ADDRESS or ADDRESS:PORT such as 192.0.2.53 or [::1]:53");
	if (setting->type == SETTINGS_DISKS && !check_disk(setting, text, ret_why))
		return false;
	words_add(list, text);
	return true;
}

bool settings_is_list(const struct setting *setting)
{
	return setting->type == SETTINGS_ADDRESSES || setting->type == SETTINGS_PREFIXES ||
	       setting->type == SETTINGS_SERVERS || setting->type == SETTINGS_DISKS;
}

bool settings_set(struct settings *settings, const struct setting *setting, struct str text,
        struct model_why *ret_why)
{
	void *at = member(settings, setting);
	switch ((enum settings_type)setting->type) {
	case SETTINGS_STRING:
		return set_string(at, text, ret_why);
	case SETTINGS_SWITCH:
		return set_switch(at, setting, text, ret_why);
	case SETTINGS_CHOICE:
		return set_choice(at, setting, text, ret_why);
	case SETTINGS_INTEGER:
	case SETTINGS_BYTES:
	case SETTINGS_DURATION:
		return set_number(at, setting, text, ret_why);
	case SETTINGS_ADDRESSES:
	case SETTINGS_PREFIXES:
	case SETTINGS_SERVERS:
	case SETTINGS_DISKS:
		return add_item(at, setting, text, ret_why);
	}
	CHECK(false);
	return false;
}

void settings_clear(struct settings *settings, const struct setting *setting)
{
	CHECK(settings_is_list(setting));
	words_done(member(settings, setting));
}

static void set_default(struct settings *settings, const struct setting *setting)
{
	struct model_why why;
	struct str rest = str_of(setting->standard);
	if (!settings_is_list(setting))
		CHECK(settings_set(settings, setting, rest, &why));
	else if (rest.len != 0)
		CHECK(settings_set(settings, setting, rest, &why));
}

void settings_init(struct settings *settings)
{
	*settings = (struct settings){0};
	for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++)
		set_default(settings, &SETTINGS[i]);
}

void settings_done(struct settings *settings)
{
	for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++) {
		void *at = member(settings, &SETTINGS[i]);
		if (settings_is_list(&SETTINGS[i]))
			words_done(at);
		else if (SETTINGS[i].type == SETTINGS_STRING)
			mem_free(*(char **)at);
	}
	*settings = (struct settings){0};
}

const struct setting *settings_at(size_t index)
{
	return index < ARRAY_LENGTH(SETTINGS) ? &SETTINGS[index] : NULL;
}

static bool is_name(struct str name, struct str text)
{
	if (name.len != text.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] != (text.at[i] == '-' ? '_' : text.at[i]))
			return false;
	}
	return true;
}

const struct setting *settings_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++) {
		if (is_name(SETTINGS[i].name, name))
			return &SETTINGS[i];
	}
	return NULL;
}

struct str settings_suggest(struct str name)
{
	struct str nearest = STR_EMPTY;
	unsigned best = model_suggest_limit(name);
	for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++) {
		unsigned distance = model_suggest_distance(name, SETTINGS[i].name);
		if (distance < best) {
			best = distance;
			nearest = SETTINGS[i].name;
		}
	}
	return nearest;
}

/* Adds the value of a setting that is no list, so that it reads back to the same. */
static void print(const struct settings *settings, const struct setting *setting, struct text *to)
{
	const void *at = member_const(settings, setting);
	struct str rest = str_of(setting->allowed), choice = STR_EMPTY;
	switch ((enum settings_type)setting->type) {
	case SETTINGS_STRING:
		text_add(to, str_of(*(char *const *)at));
		return;
	case SETTINGS_SWITCH:
		text_add(to, *(const bool *)at ? STR("on") : STR("off"));
		return;
	case SETTINGS_CHOICE:
		for (unsigned i = 0; i <= *(const unsigned *)at; i++)
			choice = str_cut(&rest, '|');
		text_add(to, choice);
		return;
	case SETTINGS_INTEGER:
	case SETTINGS_BYTES:
		text_addf(to, "%llu", (unsigned long long)*(const uint64_t *)at);
		return;
	case SETTINGS_DURATION:
		text_addf(to, "%llums", (unsigned long long)*(const uint64_t *)at);
		return;
	case SETTINGS_ADDRESSES:
	case SETTINGS_PREFIXES:
	case SETTINGS_SERVERS:
	case SETTINGS_DISKS:
		break;
	}
	CHECK(false);
}

void settings_add_flag_name(const struct setting *setting, struct text *to)
{
	text_add(to, STR("--"));
	for (size_t i = 0; i < setting->name.len; i++)
		text_add_char(to, setting->name.at[i] == '_' ? '-' : setting->name.at[i]);
}

/* Adds one flag that differs from the default, list or not. */
static void add_flag(const struct settings *settings, const struct settings *standard,
        const struct setting *setting, struct words *to)
{
	struct text name = {0}, value = {0}, usual = {0};
	settings_add_flag_name(setting, &name);
	if (settings_is_list(setting)) {
		const struct words *list = member_const(settings, setting);
		const bool is_usual = words_is_equal(list, member_const(standard, setting));
		if (!is_usual && list->count == 0)
			words_add_flag(to, text_str(&name), STR_EMPTY);
		for (unsigned i = 0; !is_usual && i < list->count; i++)
			words_add_flag(to, text_str(&name), str_of(list->list[i]));
	} else {
		print(settings, setting, &value);
		print(standard, setting, &usual);
		if (!str_is_equal(text_str(&value), text_str(&usual)))
			words_add_flag(to, text_str(&name), text_str(&value));
	}
	text_done(&name);
	text_done(&value);
	text_done(&usual);
}

void settings_add_flags(const struct settings *settings, struct words *to)
{
	struct settings standard;
	settings_init(&standard);
	for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++)
		add_flag(settings, &standard, &SETTINGS[i], to);
	settings_done(&standard);
}
