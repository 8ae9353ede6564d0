/* The table of settings: defaults, values, names and flags. */
#include "main/settings.h"

#include "base/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_defaults_are_those_of_the_table(void **state)
{
	(void)state;
	struct settings settings;
	settings_init(&settings);
	assert_int_equal(settings.listen.count, 1);
	assert_string_equal(settings.listen.list[0], "127.0.0.1:8080");
	assert_int_equal(settings.head_timeout_ms, 10000);
	assert_int_equal(settings.keepalive_timeout_ms, 60000);
	assert_int_equal(settings.head_bytes, 32768);
	assert_int_equal(settings.memory_budget, 1u << 30);
	assert_int_equal(settings.block_time_max_ms, 600000);
	assert_string_equal(settings.access_log, "off");
	assert_string_equal(settings.spool_dir, "/var/tmp");
	assert_true(settings.sandbox);
	assert_false(settings.proxy_protocol);
	assert_int_equal(settings.log_level, 2);
	assert_int_equal(settings.trusted_proxies.count, 0);
	settings_done(&settings);
}

static void no_setting_may_exceed_a_fixed_limit(void **state)
{
	(void)state;
	struct settings settings;
	struct model_why why;
	struct text over = {0};
	settings_init(&settings);
	text_addf(&over, "%d", LIMIT_HEAD_BYTES + 1);
	assert_false(
	        settings_set(&settings, settings_find(STR("head_bytes")), text_str(&over), &why));
	text_clear(&over);
	text_addf(&over, "%d", LIMIT_HEAD_FIELDS + 1);
	assert_false(
	        settings_set(&settings, settings_find(STR("head_fields")), text_str(&over), &why));
	text_clear(&over);
	text_addf(&over, "/disk:%dm", LIMIT_CACHE_DISK_MIB_MIN - 1);
	assert_false(
	        settings_set(&settings, settings_find(STR("cache_disks")), text_str(&over), &why));
	text_clear(&over);
	text_addf(&over, "/disk:%dg", LIMIT_CACHE_DISK_GIB_MAX + 1);
	assert_false(
	        settings_set(&settings, settings_find(STR("cache_disks")), text_str(&over), &why));
	text_done(&over);
	settings_done(&settings);
}

static void a_disk_is_a_path_and_its_size(void **state)
{
	(void)state;
	struct settings_disk disk = {.bytes = 7};
	assert_true(settings_read_disk(STR("/dev/disk/by-id/a:b:2g"), &disk));
	assert_true(str_is_equal(disk.path, STR("/dev/disk/by-id/a:b")));
	assert_int_equal(disk.bytes, 2u << 30);
	assert_false(settings_read_disk(STR("/dev/a:x"), &disk));
	assert_int_equal(disk.bytes, 2u << 30);
}

static void values_are_held_against_their_type_and_range(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value, *rule; /* rule NULL: good */
	} ROWS[] = {
	        {"workers", "4", NULL},
	        {"workers", "0", NULL},
	        {"workers", "257", "range"},
	        {"workers", "-1", "type"},
	        {"workers", "many", "type"},
	        {"workers", "", "type"},
	        {"head_timeout", "500ms", NULL},
	        {"head_timeout", "5", NULL},
	        {"head_timeout", "soon", "type"},
	        {"head_timeout", "2h", "range"},
	        {"head_timeout", "1ms", "range"},
	        {"memory_budget", "64m", NULL},
	        {"memory_budget", "1", "range"},
	        {"cache_memory", "0", NULL},
	        {"cache_memory", "1", "range"},
	        {"cache_memory", "15m", "range"},
	        {"cache_memory", "16m", NULL},
	        {"cache_memory", "1024g", NULL},
	        {"cache_memory", "1025g", "range"},
	        {"cache_memory", "0-16m", "type"},
	        {"cache_objects", "1000000", NULL},
	        {"proxy_protocol", "on", NULL},
	        {"proxy_protocol", "true", NULL},
	        {"proxy_protocol", "yes", "choice"},
	        {"origin_rules", "extended", NULL},
	        {"origin_rules", "extend", "choice"},
	        {"origin_rules", "", "choice"},
	        {"log_level", "debug", NULL},
	        {"listen", "[::1]:80", NULL},
	        {"listen", "127.0.0.1", "address"},
	        {"listen", "127.0.0.1:99999", "address"},
	        {"listen", "localhost:80", "address"},
	        {"listen", "off", "address"},
	        {"api", "off", NULL},
	        {"api", "127.0.0.1:0", NULL},
	        {"api", "ADDRESS:PORT", "address"},
	        {"api", "", "address"},
	        {"trusted_proxies", "10.0.0.0/8", NULL},
	        {"trusted_proxies", "2001:db8::1", NULL},
	        {"trusted_proxies", "10.0.0.0/33", "prefix"},
	        {"dns_servers", "127.0.0.1:5353", NULL},
	        {"dns_servers", "::1", NULL},
	        {"dns_servers", "resolver", "address"},
	        {"access_log", "/var/log/a", NULL},
	        {"access_log", "a\nb", "syntax"},
	        {"cache_disks", "/var/cache/disk:100g", NULL},
	        {"cache_disks", "/dev/disk/by-id/a:b:1024m", NULL},
	        {"cache_disks", "/a:64m", NULL},
	        {"cache_disks", "/a:67108863", "range"},
	        {"cache_disks", "/a:0", "range"},
	        {"cache_disks", "/a:4096g", NULL},
	        {"cache_disks", "/a:4097g", "range"},
	        {"cache_disks", "/a:99999999999999999999g", "disk"},
	        {"cache_disks", "a:64m", "disk"},
	        {"cache_disks", "/a", "disk"},
	        {"cache_disks", "/a:", "disk"},
	        {"cache_disks", "/a:-64m", "disk"},
	        {"cache_disks", ":64m", "disk"},
	        {"cache_disks", "", "disk"},
	        {"cache_disks", "/a\nb:64m", "syntax"},
	        {"cache_disks", "/a,b:64m", "syntax"},
	};
	struct settings settings;
	settings_init(&settings);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_why why = {0};
		const struct setting *setting = settings_find(str_of(ROWS[i].name));
		assert_non_null(setting);
		bool is_good = settings_set(&settings, setting, str_of(ROWS[i].value), &why);
		assert_int_equal(is_good, ROWS[i].rule == NULL);
		if (!is_good)
			assert_string_equal(why.rule, ROWS[i].rule);
	}
	assert_int_equal(settings.workers, 0);
	assert_int_equal(settings.head_timeout_ms, 5000);
	assert_int_equal(settings.trusted_proxies.count, 2);
	assert_int_equal(settings.cache_disks.count, 4);
	settings_done(&settings);
}

static void names_are_found_in_both_spellings_and_near_ones_suggested(void **state)
{
	(void)state;
	assert_ptr_equal(settings_find(STR("head-timeout")), settings_find(STR("head_timeout")));
	assert_non_null(settings_find(STR("head_timeout")));
	assert_null(settings_find(STR("head")));
	assert_null(settings_find(STR("")));
	assert_true(str_is_equal(settings_suggest(STR("hed_timeout")), STR("head_timeout")));
	assert_true(str_is_equal(settings_suggest(STR("colour")), STR_EMPTY));
}

static void flags_make_the_same_settings_again(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value;
	} ROWS[] = {
	        {"workers", "3"},
	        {"memory_budget", "100m"},
	        {"head_timeout", "1500ms"},
	        {"origin_rules", "extended"},
	        {"sandbox", "off"},
	        {"access_log", "/var/log/a b"},
	        {"edge_name", "--blue"},
	        {"listen", "[::1]:8080"},
	        {"trusted_proxies", "10.0.0.0/8"},
	        {"trusted_proxies", "::1"},
	        {"cache_disks", "/a:64m"},
	        {"cache_disks", "/b:1g"},
	};
	static const char *const EXPECTED[] = {"--listen=127.0.0.1:8080", "--listen=[::1]:8080",
	        "--workers=3", "--origin-rules=extended", "--edge-name=--blue", "--sandbox=off",
	        "--access-log=/var/log/a b", "--trusted-proxies=10.0.0.0/8",
	        "--trusted-proxies=::1", "--head-timeout=1500ms", "--memory-budget=104857600",
	        "--cache-disks=/a:64m", "--cache-disks=/b:1g"};
	struct settings settings;
	struct model_why why;
	struct words flags = {0};
	settings_init(&settings);
	settings_add_flags(&settings, &flags);
	assert_int_equal(flags.count, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
		assert_true(settings_set(&settings, settings_find(str_of(ROWS[i].name)),
		        str_of(ROWS[i].value), &why));
	settings_add_flags(&settings, &flags);
	assert_int_equal(flags.count, ARRAY_LENGTH(EXPECTED));
	for (size_t i = 0; i < ARRAY_LENGTH(EXPECTED); i++)
		assert_string_equal(flags.list[i], EXPECTED[i]);
	words_done(&flags);
	settings_done(&settings);
}

static void a_list_that_was_emptied_stays_so(void **state)
{
	(void)state;
	struct settings settings;
	struct words flags = {0};
	settings_init(&settings);
	assert_true(settings_has_api(&settings));
	settings_clear(&settings, settings_find(STR("api")));
	assert_false(settings_has_api(&settings));
	settings_add_flags(&settings, &flags);
	assert_int_equal(flags.count, 1);
	assert_string_equal(flags.list[0], "--api=");
	words_done(&flags);
	settings_done(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_defaults_are_those_of_the_table),
	        cmocka_unit_test(no_setting_may_exceed_a_fixed_limit),
	        cmocka_unit_test(a_disk_is_a_path_and_its_size),
	        cmocka_unit_test(values_are_held_against_their_type_and_range),
	        cmocka_unit_test(names_are_found_in_both_spellings_and_near_ones_suggested),
	        cmocka_unit_test(a_list_that_was_emptied_stays_so),
	        cmocka_unit_test(flags_make_the_same_settings_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
