/* The rules between settings, and between them and the machine. */
#include "main/settings.h"

#include "base/address.h"
#include "base/limit.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define TEN     "aaaaaaaaaa"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define TWENTY  "////////////////////"
#define SLASHES TWENTY TWENTY TWENTY TWENTY TWENTY

struct change {
	const char *name, *value;
};

static void what_does_not_go_together_is_told(void **state)
{
	(void)state;
	static const struct {
		struct change changes[2];
		const char *field, *rule; /* NULL: good */
	} ROWS[] = {
	        {{{"workers", "1"}}, NULL, NULL},
	        {{{"listen", "127.0.0.1:8080"}}, "listen", "doubled"},
	        {{{"listen", "127.0.0.1:0"}, {"listen", "127.0.0.1:0"}}, NULL, NULL},
	        {{{"api", "127.0.0.1:8081"}}, "api", "doubled"},
	        {{{"api", "127.0.0.1:8080"}}, NULL, NULL}, /* there may be no control process */
	        {{{"api", "off"}}, "api", "exclusive"},
	        {{{"control", "/tmp/" HUNDRED "aa"}}, NULL, NULL},
	        {{{"control", "/tmp/" HUNDRED "aaa"}}, "control", "range"},
	        {{{"edge_name", "edge-7.example"}}, NULL, NULL},
	        {{{"edge_name", HUNDRED TEN TEN "12345678"}}, NULL, NULL},
	        {{{"edge_name", HUNDRED TEN TEN "123456789"}}, "edge_name", "syntax"},
	        {{{"edge_name", "edge 7"}}, "edge_name", "syntax"},
	        {{{"spool_dir", "/nowhere/at/all"}}, "spool_dir", "folder"},
	        {{{"state_dir", "/nowhere/at/all"}}, "state_dir", "folder"},
	        {{{"state_dir", "/tmp"}}, NULL, NULL},
	        {{{"socket", "/nowhere/at/all.socket"}}, "socket", "folder"},
	        {{{"socket", "/tmp/x.socket"}}, NULL, NULL},
	        {{{"socket", "x.socket"}}, NULL, NULL},
	        {{{"socket", "/tmp/" HUNDRED "aa"}}, NULL, NULL},
	        {{{"socket", "/tmp/" HUNDRED "aaa"}}, "socket", "range"},
	        {{{"state_dir", SLASHES "tmp"}}, "socket", "range"},
	        {{{"state_dir", SLASHES "tmp"}, {"socket", "/tmp/x"}}, NULL, NULL},
	        {{{"access_log", "/nowhere/at/all.log"}}, "access_log", "folder"},
	        {{{"access_log", "/dev"}}, NULL, NULL}, /* told when it is opened */
	        {{{"access_log", "/dev/null"}}, NULL, NULL},
	        {{{"access_log", "stdout"}}, NULL, NULL},
	        {{{"access_log", ""}}, "access_log", "required"},
	        {{{"user", "nobody-of-this-name"}}, "user", "user"},
	        {{{"cdn_id", "a b"}}, "cdn_id", "syntax"},
	        {{{"cdn_id", ""}}, "cdn_id", "syntax"},
	        {{{"cdn_id", "cdn.example.com:8080"}}, NULL, NULL},
	        {{{"proxy_protocol", "on"}}, "proxy_protocol", "required"},
	        {{{"proxy_protocol", "on"}, {"trusted_proxies", "::1"}}, NULL, NULL},
	        {{{"head_bytes", "4k"}}, NULL, NULL},
	        {{{"block_time", "2h"}}, "block_time", "range"},
	        {{{"response_failures", "30"}}, "response_failures", "range"},
	        {{{"cache_disks", "/a/disk:64m"}, {"cache_disks", "/b/disk:1g"}}, NULL, NULL},
	        {{{"cache_disks", "/a/disk:64m"}, {"cache_disks", "/a/disk:1g"}}, "cache_disks",
	                "doubled"},
	        {{{"cache_disks", "/a/disk:4096g"}}, NULL, NULL},
	        {{{"cache_disks", "/a/disk:4096g"}, {"cache_disks", "/b/disk:64m"}}, "cache_disks",
	                "range"},
	        {{{"cache_disks", "/a/disk:64m"}, {"cache_memory", "0"}}, "cache_disks",
	                "required"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct settings settings;
		struct model_problems problems = {0};
		struct model_why why;
		settings_init(&settings);
		for (size_t j = 0; j < 2 && ROWS[i].changes[j].name != NULL; j++)
			assert_true(settings_set(&settings,
			        settings_find(str_of(ROWS[i].changes[j].name)),
			        str_of(ROWS[i].changes[j].value), &why));
		assert_int_equal(settings_check(&settings, &problems), ROWS[i].field == NULL);
		if (ROWS[i].field != NULL) {
			assert_int_equal(problems.count, 1);
			assert_string_equal(problems.list[0].field, ROWS[i].field);
			assert_string_equal(problems.list[0].rule, ROWS[i].rule);
		}
		model_problems_done(&problems);
		settings_done(&settings);
	}
}

static void a_cache_larger_than_a_file_may_be_is_told(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	struct rlimit before, less;
	settings_init(&settings);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	less = before;
	less.rlim_cur = settings.cache_memory - 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
	assert_false(settings_check(&settings, &problems));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.list[0].field, "cache_memory");
	settings.cache_memory = 0;
	assert_true(settings_check(&settings, &problems));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	model_problems_done(&problems);
	settings_done(&settings);
}

static void a_cache_larger_than_the_machine_is_told(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	settings_init(&settings);
	settings.cache_memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	assert_true(settings_check(&settings, &problems));
	settings.cache_memory++;
	assert_false(settings_check(&settings, &problems));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.list[0].field, "cache_memory");
	assert_non_null(strstr(problems.list[0].message, "this machine"));
	model_problems_done(&problems);
	settings_done(&settings);
}

static void more_disks_than_there_may_be_are_told(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	struct model_why why;
	settings_init(&settings);
	for (int i = 0; i <= LIMIT_CACHE_DISKS; i++) {
		struct text item = {0};
		assert_true(settings_check(&settings, &problems));
		text_addf(&item, "/disk%d:64m", i);
		assert_true(settings_set(
		        &settings, settings_find(STR("cache_disks")), text_str(&item), &why));
		text_done(&item);
	}
	assert_false(settings_check(&settings, &problems));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.list[0].field, "cache_disks");
	assert_string_equal(problems.list[0].rule, "range");
	model_problems_done(&problems);
	settings_done(&settings);
}

static void a_disk_larger_than_a_file_may_be_is_told(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	struct model_why why;
	struct rlimit before, less;
	settings_init(&settings);
	settings.cache_memory = LIMIT_CACHE_MEMORY_BYTES_MIN;
	assert_true(settings_set(
	        &settings, settings_find(STR("cache_disks")), STR("/a/disk:64m"), &why));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	less = before;
	less.rlim_cur = (64 << 20) - 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
	assert_false(settings_check(&settings, &problems));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.list[0].field, "cache_disks");
	model_problems_done(&problems);
	settings_done(&settings);
}

static void workers_are_what_was_set_or_one_for_each_core(void **state)
{
	(void)state;
	assert_int_equal(settings_workers(&(struct settings){.workers = 3}), 3);
	assert_true(settings_workers(&(struct settings){.workers = 0}) >= 1);
}

static void trusted_proxies_are_prefixes(void **state)
{
	(void)state;
	struct settings settings;
	struct address address;
	unsigned count = 7;
	settings_init(&settings);
	mem_free(settings_trusted(&settings, &count));
	assert_int_equal(count, 0);
	char *const prefixes[] = {"10.0.0.0/8", "::1"};
	settings.trusted_proxies.list = (char **)(uintptr_t)prefixes;
	settings.trusted_proxies.count = 2;
	struct address_prefix *trusted = settings_trusted(&settings, &count);
	assert_int_equal(count, 2);
	assert_true(address_parse(STR("10.1.2.3:80"), &address));
	assert_true(address_is_in(&address, &trusted[0]));
	assert_false(address_is_in(&address, &trusted[1]));
	mem_free(trusted);
	settings.trusted_proxies.list = NULL;
	settings.trusted_proxies.count = 0;
	settings_done(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_does_not_go_together_is_told),
	        cmocka_unit_test(a_cache_larger_than_a_file_may_be_is_told),
	        cmocka_unit_test(a_cache_larger_than_the_machine_is_told),
	        cmocka_unit_test(more_disks_than_there_may_be_are_told),
	        cmocka_unit_test(a_disk_larger_than_a_file_may_be_is_told),
	        cmocka_unit_test(workers_are_what_was_set_or_one_for_each_core),
	        cmocka_unit_test(trusted_proxies_are_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
