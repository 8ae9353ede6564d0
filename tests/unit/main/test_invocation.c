/* Flags, and the file of settings below them. */
#include "main/invocation.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 12 };

/* A folder that is there, and has room for a socket's name of 14 bytes or less only at its end. */
#define TWENTY "////////////////////"
#define LONG   TWENTY TWENTY TWENTY TWENTY "/////////////tmp"

static char config[] = "/tmp/test_invocation.XXXXXX";

static int make_file(void **state)
{
	(void)state;
	static const char TEXT[] = "cdn_id: from-file\nlisten: [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n"
	                           "trusted_proxies: [10.0.0.0/8]\nworkers: 7\n";
	hash_init();
	int fd = mkstemp(config);
	if (fd < 0 || write(fd, TEXT, strlen(TEXT)) != (ssize_t)strlen(TEXT))
		return -1;
	return close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(config);
}

static bool read_words(
        const char *const *words, struct invocation *invocation, struct model_problems *problems)
{
	struct words copy = {0};
	for (; *words != NULL; words++)
		words_add(&copy, str_of(*words));
	char *none[] = {NULL};
	bool is_good = invocation_read(copy.count != 0 ? copy.list : none, invocation, problems);
	words_done(&copy);
	return is_good;
}

static void flags_win_over_the_file(void **state)
{
	(void)state;
	struct invocation invocation;
	struct model_problems problems = {0};
	const char *const words[] = {"--cdn-id", "from-flag", "--config", config, "--listen",
	        "127.0.0.1:3", "--listen=[::1]:4,127.0.0.1:5", "--domains", "/a.yaml", "--force",
	        NULL};
	assert_true(read_words(words, &invocation, &problems));
	const struct settings *settings = &invocation.settings;
	assert_string_equal(settings->cdn_id, "from-flag");
	assert_int_equal(settings->workers, 7);
	assert_int_equal(settings->listen.count, 3);
	assert_string_equal(settings->listen.list[0], "127.0.0.1:3");
	assert_string_equal(settings->listen.list[2], "127.0.0.1:5");
	assert_int_equal(settings->trusted_proxies.count, 1);
	assert_string_equal(settings->domains, "/a.yaml");
	assert_true(invocation.force);
	assert_null(invocation.name);
	invocation_done(&invocation);
}

static void flags_that_were_made_ask_for_the_same(void **state)
{
	(void)state;
	struct invocation first, second;
	struct model_problems problems = {0};
	struct words flags = {0}, again = {0};
	const char *const words[] = {"--domain", "a.test", "--origin", "127.0.0.1", "--origin",
	        "[::1]:80:2", "--backup=b.test", "--config", config, "--head-timeout", "1.5s",
	        "--edge-name=--blue", "--trusted-proxies=", NULL};
	assert_true(read_words(words, &first, &problems));
	invocation_add_flags(&first, &flags);
	assert_true(invocation_read(flags.list, &second, &problems));
	invocation_add_flags(&second, &again);
	assert_true(words_is_equal(&flags, &again));
	assert_null(second.config);
	assert_string_equal(second.settings.cdn_id, "from-file");
	assert_int_equal(second.settings.head_timeout_ms, 1500);
	assert_string_equal(second.settings.edge_name, "--blue");
	assert_int_equal(second.settings.trusted_proxies.count, 0);
	assert_string_equal(second.name, "a.test");
	assert_int_equal(second.origins.count, 2);
	assert_int_equal(second.backups.count, 1);
	words_done(&flags);
	words_done(&again);
	invocation_done(&first);
	invocation_done(&second);
}

static void what_is_wrong_is_told_once(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS_MAX];
		const char *field, *rule, *message;
	} ROWS[] = {
	        {{NULL}, "--domains", "required", "nothing to serve"},
	        {{"extra"}, "extra", "unknown-flag", "no flag"},
	        {{"--"}, "--", "unknown-flag", "no flag"},
	        {{"--nonsense"}, "--nonsense", "unknown-flag", "no such flag"},
	        {{"--nonsense", "value"}, "--nonsense", "unknown-flag", "no such flag"},
	        {{"--lisen", "127.0.0.1:80"}, "--lisen", "unknown-flag", "did you mean --listen?"},
	        {{"--orgin", "127.0.0.1"}, "--orgin", "unknown-flag", "did you mean --origin?"},
	        {{"--listen"}, "--listen", "syntax", "needs a value"},
	        {{"--listen", "--force"}, "--listen", "syntax", "needs a value"},
	        {{"--force=1"}, "--force", "syntax", "takes no value"},
	        {{"--listen", "nonsense"}, "--listen", "address", "\"nonsense\" is no"},
	        {{"--listen", "127.0.0.1:1,x"}, "--listen", "address", "\"x\" is no"},
	        {{"--workers", "many"}, "--workers", "type", "\"many\" is no whole number"},
	        {{"--workers", "300"}, "--workers", "range", "is not in 0-256"},
	        {{"--origin-rules", "x"}, "--origin-rules", "choice", "classic|extended"},
	        {{"--domain", "a.test"}, "--domain", "required", "needs --origin"},
	        {{"--domains", "/a", "--origin", "127.0.0.1"}, "--origin", "required",
	                "needs --domain"},
	        {{"--domains", "/a", "--domain", "a.test", "--origin", "a"}, "--domain",
	                "exclusive", "as well"},
	        {{"--domains", "/a", "--control", "/c"}, "--control", "exclusive",
	                "a file of domains is given as well"},
	        {{"--domain", "a.test", "--origin", "a", "--control", "/c"}, "--control",
	                "exclusive", "a domain by flags is given as well"},
	        {{"--domains", "/a", "--state-dir", "/tmp", "--api", "127.0.0.1:8080"}, "api",
	                "doubled", "listen as well"},
	        {{"--domains", "/a", "--metrics", "127.0.0.1:8080"}, "metrics", "doubled",
	                "listen as well"},
	        {{"--state-dir", "/tmp", "--metrics", "127.0.0.1:8081"}, "metrics", "doubled",
	                "api as well"},
	        {{"--domains", "/a", "--metrics", "127.0.0.1:9", "--metrics", "off"}, "metrics",
	                "exclusive", "no address"},
	        {{"--state-dir", LONG, "--socket", "/tmp/x"}, "control", "range", "107 bytes"},
	        {{"--control", "control.test:8083"}, "link_identity", "required", "control needs"},
	        {{"--state-dir", "/tmp", "--link", "127.0.0.1:8083"}, "link_identity", "required",
	                "link needs"},
	        {{"--state-dir", "/tmp", "--link", "127.0.0.1:8081", "--link-identity", "/i"},
	                "link", "doubled", "api as well"},
	        {{"--state-dir", "/tmp", "--api", "off", "--link", "127.0.0.1:8083",
	                 "--link-identity", "/i"},
	                "--link", "exclusive", "no control plane with a store"},
	        {{"--control", "/c", "--link", "127.0.0.1:8083", "--link-identity", "/i"}, "--link",
	                "exclusive", "no control plane with a store"},
	        {{"--domains", "/a", "--state-dir", "/tmp", "--link", "127.0.0.1:8083",
	                 "--link-identity", "/i"},
	                "--link", "exclusive", "no control plane with a store"},
	        {{"--domains", "/a", "--proxy-protocol", "on"}, "proxy_protocol", "required",
	                "trusted_proxies"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct invocation invocation;
		struct model_problems problems = {0};
		assert_false(read_words(ROWS[i].words, &invocation, &problems));
		assert_int_equal(problems.count, 1);
		assert_null(problems.list[0].file);
		assert_string_equal(problems.list[0].field, ROWS[i].field);
		assert_string_equal(problems.list[0].rule, ROWS[i].rule);
		assert_non_null(strstr(problems.list[0].message, ROWS[i].message));
		model_problems_done(&problems);
	}
}

/* `control` is of use where the file that it shares with `serve` is of use to it. */
static void a_control_plane_has_rules_of_its_own(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS_MAX];
		const char *field, *rule; /* NULL: good */
	} ROWS[] = {
	        {{"--state-dir", "/tmp"}, NULL, NULL},
	        {{"--state-dir", "/tmp", "--control", "/c"}, NULL, NULL},
	        {{"--state-dir", "/tmp", "--domains", "/a"}, NULL, NULL},
	        {{"--state-dir", "/tmp", "--api", "127.0.0.1:8080"}, NULL, NULL},
	        {{NULL}, "--state-dir", "required"},
	        {{"--state-dir", "/tmp", "--api", "off"}, "--api", "required"},
	        {{"--state-dir", "/tmp", "--domain", "a.test"}, "--domain", "exclusive"},
	        {{"--state-dir", "/tmp", "--backup", "a"}, "--backup", "exclusive"},
	        {{"--state-dir", "/tmp", "--domains", "/a", "--control", "/c"}, "--control",
	                "exclusive"},
	        {{"--state-dir", "/tmp", "--link", "127.0.0.1:8083", "--link-identity", "/i"}, NULL,
	                NULL},
	        {{"--state-dir", "/tmp", "--link", "127.0.0.1:8083"}, "link_identity", "required"},
	        {{"--state-dir", "/tmp", "--domains", "/a", "--link", "127.0.0.1:8083",
	                 "--link-identity", "/i"},
	                "--link", "exclusive"},
	        {{"--state-dir", "/tmp", "--control", "control.test:8083", "--link-identity", "/i"},
	                "--control", "syntax"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct invocation invocation;
		struct model_problems problems = {0};
		struct words words = {0};
		char *none[] = {NULL};
		for (const char *const *at = ROWS[i].words; *at != NULL; at++)
			words_add(&words, str_of(*at));
		bool is_good = invocation_read_control(
		        words.count != 0 ? words.list : none, &invocation, &problems);
		assert_int_equal(is_good, ROWS[i].rule == NULL);
		if (is_good) {
			invocation_done(&invocation);
		} else {
			assert_int_equal(problems.count, 1);
			assert_string_equal(problems.list[0].field, ROWS[i].field);
			assert_string_equal(problems.list[0].rule, ROWS[i].rule);
		}
		model_problems_done(&problems);
		words_done(&words);
	}
}

static void domains_come_from_one_place(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS_MAX];
		enum invocation_source source;
		bool has_control;
		const char *link;
	} ROWS[] = {
	        {{"--domain", "a.test", "--origin", "a", "--state-dir", "/tmp"}, INVOCATION_FLAGS,
	                false, ""},
	        {{"--domains", "/a"}, INVOCATION_FILE, false, ""},
	        {{"--domains", "/a", "--state-dir", "/tmp"}, INVOCATION_FILE, true,
	                "/tmp/control.socket"},
	        {{"--domains", "/a", "--state-dir", "/tmp", "--api", "off"}, INVOCATION_FILE, false,
	                ""},
	        {{"--control", "/c"}, INVOCATION_CONTROL, false, "/c"},
	        {{"--control", "/c", "--state-dir", "/tmp"}, INVOCATION_CONTROL, false, "/c"},
	        {{"--control", "control.test:8083", "--link-identity", "/i"}, INVOCATION_CONTROL,
	                false, ""},
	        {{"--control", "[2001:db8::1]:8083", "--link-identity", "/i"}, INVOCATION_CONTROL,
	                false, ""},
	        {{"--control", "./c:8083"}, INVOCATION_CONTROL, false, "./c:8083"},
	        {{"--state-dir", "/tmp"}, INVOCATION_STORE, true, "/tmp/control.socket"},
	        {{"--state-dir", "/tmp", "--api="}, INVOCATION_STORE, false, "/tmp/control.socket"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct invocation invocation;
		struct model_problems problems = {0};
		struct text link = {0};
		assert_true(read_words(ROWS[i].words, &invocation, &problems));
		assert_int_equal(invocation_source(&invocation), ROWS[i].source);
		assert_int_equal(invocation_has_control(&invocation), ROWS[i].has_control);
		invocation_add_link_path(&invocation, &link);
		assert_string_equal(text_c(&link), ROWS[i].link);
		text_done(&link);
		invocation_done(&invocation);
	}
}

static void help_has_every_setting_within_eighty_columns(void **state)
{
	(void)state;
	struct text help = {0}, flag = {0};
	invocation_help(&help);
	for (size_t i = 0; settings_at(i) != NULL; i++) {
		text_clear(&flag);
		text_add(&flag, STR("  "));
		settings_add_flag_name(settings_at(i), &flag);
		text_add_char(&flag, ' ');
		assert_non_null(strstr(text_c(&help), text_c(&flag)));
	}
	assert_non_null(strstr(text_c(&help), "  --config FILE\n"));
	struct str rest = text_str(&help);
	while (rest.len != 0)
		assert_true(str_cut(&rest, '\n').len <= 80);
	text_done(&help);
	text_done(&flag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(flags_win_over_the_file),
	        cmocka_unit_test(flags_that_were_made_ask_for_the_same),
	        cmocka_unit_test(what_is_wrong_is_told_once),
	        cmocka_unit_test(a_control_plane_has_rules_of_its_own),
	        cmocka_unit_test(domains_come_from_one_place),
	        cmocka_unit_test(help_has_every_setting_within_eighty_columns),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
