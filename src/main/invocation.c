/*
 * Flags are `--name VALUE` or `--name=VALUE`: those of the table below, and every setting. They are
 * read twice: first for --config, whose file then stands below them, and then for all the rest.
 */
#include "main/invocation.h"

#include "base/mem.h"
#include "base/wrap.h"
#include "model/suggest.h"
#include "net/local.h"

enum flag_id { FLAG_CONFIG, FLAG_DOMAIN, FLAG_ORIGIN, FLAG_BACKUP, FLAG_FORCE };

static const struct flag {
	enum flag_id id;
	struct str name;
	const char *value; /* NULL: it takes none */
	const char *words;
} FLAGS[] = {
        {FLAG_CONFIG, {"config", 6}, "FILE", "a YAML file of settings; flags win over it"},
        {FLAG_DOMAIN, {"domain", 6}, "NAME", "one domain by flags, instead of a file of them"},
        {FLAG_ORIGIN, {"origin", 6}, "HOST[:PORT][:WEIGHT]",
                "an address of its master origin; may be repeated"},
        {FLAG_BACKUP, {"backup", 6}, "HOST[:PORT][:WEIGHT]",
                "an address of its hot backup origin; may be repeated"},
        {FLAG_FORCE, {"force", 5}, NULL,
                "lets a change of the domains file remove any number of domains"},
};

/* A flag as it was written. */
struct written {
	struct str name;         /* without hyphens in front */
	struct str value;        /* at is NULL without one */
	const struct flag *flag; /* one of these two is set */
	const struct setting *setting;
};

static void refuse(struct model_problems *problems, struct str name, const char *rule,
        const char *format, const char *argument)
{
	struct text field = {0}, message = {0};
	text_addf(&field, "--%.*s", STR_ARG(name));
	text_addf(&message, "%s%s", format, argument);
	model_problems_add(problems, NULL, 0, text_c(&field), rule, "%s", text_c(&message));
	text_done(&field);
	text_done(&message);
}

static const struct flag *find_flag(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(FLAGS); i++) {
		if (str_is_equal(FLAGS[i].name, name))
			return &FLAGS[i];
	}
	return NULL;
}

static void refuse_unknown(struct model_problems *problems, struct str name)
{
	struct text near = {0};
	struct str setting = settings_suggest(name);
	unsigned best = model_suggest_limit(name);
	if (setting.len != 0) {
		best = model_suggest_distance(name, setting);
		text_add(&near, STR("; did you mean "));
		settings_add_flag_name(settings_find(setting), &near);
		text_add_char(&near, '?');
	}
	for (size_t i = 0; i < ARRAY_LENGTH(FLAGS); i++) {
		unsigned distance = model_suggest_distance(name, FLAGS[i].name);
		if (distance >= best)
			continue;
		best = distance;
		text_clear(&near);
		text_addf(&near, "; did you mean --%.*s?", STR_ARG(FLAGS[i].name));
	}
	refuse(problems, name, "unknown-flag", "there is no such flag", text_c(&near));
	text_done(&near);
}

/* Takes one flag, and its value, off the words; false and a problem when they make no sense. */
static bool next_flag(
        char *const **words, struct written *ret_written, struct model_problems *problems)
{
	struct str word = str_of(*(*words)++);
	if (!str_has_prefix(word, STR("--")) || word.len == 2) {
		model_problems_add(problems, NULL, 0, word.at, "unknown-flag",
		        "this is no flag; flags begin with --");
		return false;
	}
	struct str value = str_make(word.at + 2, word.len - 2);
	struct written written = {.name = str_cut(&value, '=')};
	written.flag = find_flag(written.name);
	if (written.flag == NULL)
		written.setting = settings_find(written.name);
	if (written.flag == NULL && written.setting == NULL) {
		refuse_unknown(problems, written.name);
		/* What was meant as its value is no flag, and not worth a complaint of its own. */
		if (value.at == NULL && **words != NULL && strncmp(**words, "--", 2) != 0)
			++*words;
		return false;
	}
	bool takes_value = written.flag == NULL || written.flag->value != NULL;
	if (takes_value && value.at == NULL) {
		/* A value that looks like a flag can be given behind a =. */
		if (**words == NULL || strncmp(**words, "--", 2) == 0) {
			refuse(problems, written.name, "syntax", "the flag needs a value", "");
			return false;
		}
		value = str_of(*(*words)++);
	} else if (!takes_value && value.at != NULL) {
		refuse(problems, written.name, "syntax", "the flag takes no value", "");
		return false;
	}
	written.value = value;
	*ret_written = written;
	return true;
}

static char *replace(char *old, struct str value)
{
	mem_free(old);
	return mem_copy(value.at, value.len);
}

static void take_flag(struct invocation *invocation, const struct written *written)
{
	switch (written->flag->id) {
	case FLAG_CONFIG:
		break;
	case FLAG_DOMAIN:
		invocation->name = replace(invocation->name, written->value);
		break;
	case FLAG_ORIGIN:
		words_add(&invocation->origins, written->value);
		break;
	case FLAG_BACKUP:
		words_add(&invocation->backups, written->value);
		break;
	case FLAG_FORCE:
		invocation->force = true;
		break;
	}
}

static void take_setting(
        struct settings *settings, const struct written *written, struct model_problems *problems)
{
	/* A list may be one word with commas, too. */
	struct str rest = written->value;
	do {
		struct model_why why;
		bool is_list = settings_is_list(written->setting);
		struct str item = is_list ? str_trim(str_cut(&rest, ',')) : written->value;
		if (is_list && item.len == 0)
			continue;
		if (settings_set(settings, written->setting, item, &why))
			continue;
		struct text message = {0};
		text_addf(&message, "\"%.*s\" %s%s", STR_ARG(item), why.words,
		        why.allowed != NULL ? " " : "");
		refuse(problems, written->name, why.rule, text_c(&message),
		        why.allowed != NULL ? why.allowed : "");
		text_done(&message);
	} while (settings_is_list(written->setting) && rest.at != NULL);
}

/* The flags over the settings of the file. A list by flags replaces the file's. */
static void take_flags(
        struct invocation *invocation, char *const *words, struct model_problems *problems)
{
	bool is_cleared[256] = {false};
	struct model_problems told = {0}; /* the first reading told them */
	struct written written;
	while (*words != NULL) {
		if (!next_flag(&words, &written, &told))
			continue;
		if (written.setting == NULL) {
			take_flag(invocation, &written);
			continue;
		}
		size_t index = (size_t)(written.setting - settings_at(0));
		CHECK(index < ARRAY_LENGTH(is_cleared));
		if (settings_is_list(written.setting) && !is_cleared[index]) {
			settings_clear(&invocation->settings, written.setting);
			is_cleared[index] = true;
		}
		take_setting(&invocation->settings, &written, problems);
	}
	model_problems_done(&told);
}

static void check_source(const struct invocation *invocation, struct model_problems *problems)
{
	const struct settings *settings = &invocation->settings;
	bool has_file = settings->domains[0] != '\0', has_control = settings->control[0] != '\0';
	if (has_file && invocation->name != NULL)
		model_problems_add(problems, NULL, 0, "--domain", "exclusive",
		        "a file of domains is given as well");
	if (has_control && (has_file || invocation->name != NULL))
		model_problems_add(problems, NULL, 0, "--control", "exclusive", "%s as well",
		        has_file ? "a file of domains is given" : "a domain by flags is given");
	if (!has_file && !has_control && invocation->name == NULL && settings->state_dir[0] == '\0')
		model_problems_add(problems, NULL, 0, "--domains", "required",
		        "there is nothing to serve; give --domains FILE, or --domain NAME and "
		        "--origin ADDRESS, or --state-dir FOLDER for domains by the API, or "
		        "--control SOCKET or HOST:PORT for those of another control plane");
	if (invocation->name == NULL && invocation->origins.count + invocation->backups.count != 0)
		model_problems_add(problems, NULL, 0,
		        invocation->origins.count != 0 ? "--origin" : "--backup", "required",
		        "an origin by flags needs --domain NAME");
	if (invocation->name != NULL && invocation->origins.count == 0)
		model_problems_add(problems, NULL, 0, "--domain", "required",
		        "the domain needs --origin ADDRESS");
}

/* Addresses of two lists of which the second may be off. */
static void check_apart(const struct words *first, const char *first_name,
        const struct words *second, const char *second_name, struct model_problems *problems)
{
	for (unsigned i = 0; i < first->count * second->count; i++) {
		const char *a = first->list[i % first->count];
		const char *b = second->list[i / first->count];
		if (strcmp(a, "off") != 0 && strcmp(b, "off") != 0 &&
		        settings_is_same_address(a, b))
			model_problems_add(problems, NULL, 0, second_name, "doubled",
			        "\"%s\" is in %s as well", b, first_name);
	}
}

/* Of a supervisor, who opens all of them. */
static void check_lists(const struct invocation *invocation, struct model_problems *problems)
{
	const struct settings *settings = &invocation->settings;
	check_apart(&settings->listen, "listen", &settings->metrics, "metrics", problems);
	if (!invocation_has_control(invocation))
		return;
	check_apart(&settings->listen, "listen", &settings->api, "api", problems);
	check_apart(&settings->api, "api", &settings->metrics, "metrics", problems);
	check_apart(&settings->listen, "listen", &settings->link, "link", problems);
	check_apart(&settings->api, "api", &settings->link, "link", problems);
	check_apart(&settings->link, "link", &settings->metrics, "metrics", problems);
}

/* Edges of other machines are told what a store has. */
static void check_link_source(const struct invocation *invocation, struct model_problems *problems)
{
	if (settings_has_link(&invocation->settings) &&
	        (invocation_source(invocation) != INVOCATION_STORE ||
	                !invocation_has_control(invocation)))
		model_problems_add(problems, NULL, 0, "--link", "exclusive",
		        "there is no control plane with a store here that edges could ask");
}

/* `socket` and `control` are held against it by themselves; this one comes of state_dir. */
static void check_link(const struct invocation *invocation, struct model_problems *problems)
{
	struct text path = {0};
	if (invocation_source(invocation) != INVOCATION_CONTROL)
		invocation_add_link_path(invocation, &path);
	if (path.len > LOCAL_PATH_BYTES)
		model_problems_add(problems, NULL, 0, "control", "range",
		        "\"%s\" is longer than 107 bytes, the most of a UNIX socket's path",
		        text_c(&path));
	text_done(&path);
}

static void check_serve(const struct invocation *invocation, struct model_problems *problems)
{
	check_source(invocation, problems);
	check_lists(invocation, problems);
	check_link_source(invocation, problems);
}

static void check_control(const struct invocation *invocation, struct model_problems *problems)
{
	const struct settings *settings = &invocation->settings;
	struct model_host host;
	uint16_t port;
	if (invocation->name != NULL || invocation->origins.count + invocation->backups.count != 0)
		model_problems_add(problems, NULL, 0,
		        invocation->name != NULL         ? "--domain"
		        : invocation->origins.count != 0 ? "--origin"
		                                         : "--backup",
		        "exclusive", "a domain by flags needs no control plane");
	if (settings->domains[0] != '\0' && settings->control[0] != '\0')
		model_problems_add(problems, NULL, 0, "--control", "exclusive",
		        "no edge asks for domains that a file has");
	if (settings->domains[0] != '\0' && settings_has_link(settings))
		model_problems_add(problems, NULL, 0, "--link", "exclusive",
		        "no edge asks for domains that a file has");
	if (settings_has_remote_control(settings, &host, &port))
		model_problems_add(problems, NULL, 0, "--control", "syntax",
		        "\"%s\" is no path of a UNIX socket; what edges of other machines connect "
		        "to is --link ADDRESS:PORT",
		        settings->control);
	if (settings->state_dir[0] == '\0')
		model_problems_add(problems, NULL, 0, "--state-dir", "required",
		        "where is the store? Give --state-dir FOLDER");
	if (!settings_has_api(settings))
		model_problems_add(problems, NULL, 0, "--api", "required",
		        "a control plane needs --api ADDRESS:PORT to be asked at");
}

/* Reads what the words ask for; `check` holds it against what the command needs. */
static bool read_words(char *const *words,
        void (*check)(const struct invocation *invocation, struct model_problems *problems),
        struct invocation *ret_invocation, struct model_problems *problems)
{
	unsigned before = problems->total;
	struct invocation invocation = {0};
	struct written written;
	settings_init(&invocation.settings);
	for (char *const *at = words; *at != NULL;) {
		if (next_flag(&at, &written, problems) && written.flag != NULL &&
		        written.flag->id == FLAG_CONFIG)
			invocation.config = replace(invocation.config, written.value);
	}
	bool is_read = invocation.config == NULL ||
	               settings_read_file(&invocation.settings, invocation.config, problems);
	take_flags(&invocation, words, problems);
	/* Rules between settings say little while some are wrong by themselves. */
	if (is_read && problems->total == before) {
		check(&invocation, problems);
		check_link(&invocation, problems);
		if (!settings_check(&invocation.settings, problems))
			is_read = false;
	}
	if (problems->total != before) {
		invocation_done(&invocation);
		return false;
	}
	*ret_invocation = invocation;
	return true;
}

bool invocation_read(
        char *const *words, struct invocation *ret_invocation, struct model_problems *problems)
{
	return read_words(words, check_serve, ret_invocation, problems);
}

bool invocation_read_control(
        char *const *words, struct invocation *ret_invocation, struct model_problems *problems)
{
	return read_words(words, check_control, ret_invocation, problems);
}

void invocation_done(struct invocation *invocation)
{
	settings_done(&invocation->settings);
	mem_free(invocation->name);
	mem_free(invocation->config);
	words_done(&invocation->origins);
	words_done(&invocation->backups);
	*invocation = (struct invocation){0};
}

enum invocation_source invocation_source(const struct invocation *invocation)
{
	if (invocation->name != NULL)
		return INVOCATION_FLAGS;
	if (invocation->settings.domains[0] != '\0')
		return INVOCATION_FILE;
	return invocation->settings.control[0] != '\0' ? INVOCATION_CONTROL : INVOCATION_STORE;
}

bool invocation_has_control(const struct invocation *invocation)
{
	enum invocation_source source = invocation_source(invocation);
	return (source == INVOCATION_FILE || source == INVOCATION_STORE) &&
	       invocation->settings.state_dir[0] != '\0' && settings_has_api(&invocation->settings);
}

void invocation_add_link_path(const struct invocation *invocation, struct text *to)
{
	enum invocation_source source = invocation_source(invocation);
	struct model_host host;
	uint16_t port;
	if (source == INVOCATION_CONTROL &&
	        !settings_has_remote_control(&invocation->settings, &host, &port))
		text_add(to, str_of(invocation->settings.control));
	else if (source == INVOCATION_STORE ? invocation->settings.state_dir[0] != '\0'
	                                    : invocation_has_control(invocation))
		text_addf(to, "%s/control.socket", invocation->settings.state_dir);
}

void invocation_add_flags(const struct invocation *invocation, struct words *to)
{
	settings_add_flags(&invocation->settings, to);
	if (invocation->name != NULL)
		words_add_flag(to, STR("--domain"), str_of(invocation->name));
	for (unsigned i = 0; i < invocation->origins.count; i++)
		words_add_flag(to, STR("--origin"), str_of(invocation->origins.list[i]));
	for (unsigned i = 0; i < invocation->backups.count; i++)
		words_add_flag(to, STR("--backup"), str_of(invocation->backups.list[i]));
	if (invocation->force)
		words_add(to, STR("--force"));
}

/* What stands for a setting's value in help. */
static const char *value_of(const struct setting *setting)
{
	switch ((enum settings_type)setting->type) {
	case SETTINGS_STRING:
		return "TEXT";
	case SETTINGS_SWITCH:
	case SETTINGS_CHOICE:
		return setting->allowed;
	case SETTINGS_INTEGER:
		return "NUMBER";
	case SETTINGS_BYTES:
		return "SIZE";
	case SETTINGS_DURATION:
		return "TIME";
	case SETTINGS_ADDRESSES:
	case SETTINGS_PREFIXES:
	case SETTINGS_SERVERS:
	case SETTINGS_DISKS:
		return "LIST";
	}
	return "TEXT";
}

void invocation_help(struct text *to)
{
	struct text words = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(FLAGS); i++) {
		text_addf(to, "  --%s%s%s\n", FLAGS[i].name.at, FLAGS[i].value != NULL ? " " : "",
		        FLAGS[i].value != NULL ? FLAGS[i].value : "");
		wrap_add(to, FLAGS[i].words);
	}
	text_add(to,
	        STR("\nSettings, by a flag or under the same name in the file of --config. A LIST "
	            "is\nseveral flags, or one value with commas.\n"));
	for (const struct setting *setting = settings_at(0); setting != NULL;
	        setting = settings_at((size_t)(setting - settings_at(0)) + 1)) {
		text_add(to, STR("  "));
		settings_add_flag_name(setting, to);
		text_addf(to, " %s\n", value_of(setting));
		text_clear(&words);
		text_add(&words, str_of(setting->words));
		bool has_range = setting->allowed[0] != '\0' &&
		                 strcmp(value_of(setting), setting->allowed) != 0;
		if (has_range)
			text_addf(&words, "; %s", setting->allowed);
		if (setting->standard[0] != '\0')
			text_addf(&words, " [%s]", setting->standard);
		wrap_add(to, text_c(&words));
	}
	text_done(&words);
}
