/* The field table: that its rows are sound, and that paths are found. */
#include "model/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void every_row_is_sound(void **state)
{
	(void)state;
	const struct model_field *field;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		assert_ptr_equal(model_field_find(field->path), field);
		assert_true(strlen(field->words) > 0);
		assert_true(field->words[strlen(field->words) - 1] != '.');
		assert_false(model_field_is_group(field->path));
		uint64_t min, max;
		model_field_range(field, &min, &max);
		assert_true(min <= max);
		/* The range must fit the member. */
		bool is_number =
		        field->type == MODEL_FIELD_INTEGER || field->type == MODEL_FIELD_BYTES ||
		        field->type == MODEL_FIELD_DURATION || field->type == MODEL_FIELD_SECONDS ||
		        field->type == MODEL_FIELD_PERCENT;
		if (is_number && field->size < 8)
			assert_true(max >> (field->size * 8) == 0);
	}
	assert_true(model_field_at(0) != NULL);
}

static void origin_and_backup_have_the_same_fields(void **state)
{
	(void)state;
	const struct model_field *field;
	unsigned count = 0;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		if (field->owner != MODEL_FIELD_OF_ORIGIN)
			continue;
		char path[64];
		snprintf(path, sizeof(path), "backup%.*s", (int)(field->path.len - 6),
		        field->path.at + 6);
		const struct model_field *twin = model_field_find(str_of(path));
		assert_non_null(twin);
		assert_int_equal(twin->owner, MODEL_FIELD_OF_BACKUP);
		assert_int_equal(twin->offset, field->offset);
		assert_int_equal(twin->type, field->type);
		count++;
	}
	assert_true(count > 20);
}

static void members_are_where_the_table_says(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	const struct model_field *head = model_field_find(STR("origin.head_timeout"));
	const struct model_field *backup_head = model_field_find(STR("backup.head_timeout"));
	const struct model_field *latch = model_field_find(STR("backup.latch"));
	assert_ptr_equal(model_field_member(head, domain), &domain->origin.head_timeout_ms);
	assert_ptr_equal(model_field_member(latch, domain), &domain->latch);
	assert_null(model_field_member(backup_head, domain));
	domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
	assert_ptr_equal(model_field_member(backup_head, domain), &domain->backup->head_timeout_ms);
	uint64_t min, max;
	model_field_range(head, &min, &max);
	assert_int_equal(min, 1000);
	assert_int_equal(max, 300000);
	model_domain_unref(domain);
}

static void groups_are_what_has_fields_below(void **state)
{
	(void)state;
	static const char *const GROUPS[] = {"origin", "backup", "origin.tls", "backup.bucket",
	        "origin.probe", "failover", "detect", "forwarding", "cache", "stale", "fill"};
	static const char *const OTHERS[] = {"name", "tls", "orig", "origin.", "origin.tl", "rule"};
	for (size_t i = 0; i < ARRAY_LENGTH(GROUPS); i++)
		assert_true(model_field_is_group(str_of(GROUPS[i])));
	for (size_t i = 0; i < ARRAY_LENGTH(OTHERS); i++) {
		assert_false(model_field_is_group(str_of(OTHERS[i])));
		if (i > 0)
			assert_null(model_field_find(str_of(OTHERS[i])));
	}
}

static void the_nearest_name_is_suggested(void **state)
{
	(void)state;
	static const struct {
		const char *group, *key, *suggested;
	} ROWS[] = {
	        {"", "nmae", "name"},
	        {"", "orgin", "origin"},
	        {"", "back_up", "backup"},
	        {"", "master", ""},
	        {"origin", "adresses", "addresses"},
	        {"origin", "connect_timeout_ms", "connect_timeout"},
	        {"backup", "latched", "latch"},
	        {"origin.tls", "servername", "server_name"},
	        {"failover", "status", "statuses"},
	        {"", "addresses", "origin.addresses"},
	        {"origin", "latch", "backup.latch"},
	        {"", "", ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct str found = model_field_suggest(str_of(ROWS[i].group), str_of(ROWS[i].key));
		if (!str_is_equal(found, str_of(ROWS[i].suggested)))
			fail_msg("%s.%s: %.*s", ROWS[i].group, ROWS[i].key, STR_ARG(found));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_row_is_sound),
	        cmocka_unit_test(origin_and_backup_have_the_same_fields),
	        cmocka_unit_test(members_are_where_the_table_says),
	        cmocka_unit_test(groups_are_what_has_fields_below),
	        cmocka_unit_test(the_nearest_name_is_suggested),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
