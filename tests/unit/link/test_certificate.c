/* A certificate of the link: what it has, its message, and whether it is another's equal. */
#include "link/certificate.h"

#include "base/arena.h"
#include "link/domains.h"

static struct link_certificate *make(const char *name, uint64_t revision, const char *key)
{
	return link_certificate_new(str_of(name), revision, STR("chain\n"), str_of(key));
}

static void it_has_what_it_was_made_of(void **state)
{
	(void)state;
	char name[] = "one", key[] = "secret";
	struct link_certificate *one = make(name, 7, key);
	/* Copies. */
	name[0] = key[0] = 'x';
	assert_string_equal(link_certificate_name(one), "one");
	assert_string_equal(link_certificate_key(one).at, "secret");
	assert_int_equal(link_certificate_key(one).len, 6);
	assert_string_equal(link_certificate_chain(one).at, "chain\n");
	assert_int_equal(link_certificate_revision(one), 7);
	assert_ptr_equal(link_certificate_ref(one), one);
	link_certificate_unref(one);
	assert_string_equal(link_certificate_key(one).at, "secret");
	link_certificate_unref(one);
	link_certificate_unref(NULL);
}

static void its_message_has_all_of_it(void **state)
{
	(void)state;
	struct arena arena;
	struct text payload = {0};
	struct link_message_certificate said;
	struct link_certificate *one = make("one", 7, "line\n\"two\"");
	arena_init(&arena, NULL, 0);
	link_certificate_print(one, &payload);
	assert_string_equal(text_c(&payload),
	        "{\"name\":\"one\",\"revision\":7,\"certificate\":\"chain\\n\",\"key\":"
	        "\"line\\n\\\"two\\\"\"}");
	assert_true(link_message_read_certificate(&arena, text_str(&payload), &said));
	assert_true(str_is_equal(said.key, link_certificate_key(one)));
	assert_int_equal(said.revision, 7);
	arena_reset(&arena);
	text_done(&payload);
	link_certificate_unref(one);
}

static void any_difference_makes_another(void **state)
{
	(void)state;
	struct link_certificate *one = make("one", 7, "key");
	struct link_certificate *others[] = {make("one", 7, "key"), make("two", 7, "key"),
	        make("one", 8, "key"), make("one", 7, "k")};
	for (unsigned i = 0; i < ARRAY_LENGTH(others); i++) {
		assert_int_equal(link_certificate_is_equal(one, others[i]), i == 0);
		link_certificate_unref(others[i]);
	}
	assert_true(link_certificate_is_equal(one, one));
	link_certificate_unref(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_has_what_it_was_made_of),
	        cmocka_unit_test(its_message_has_all_of_it),
	        cmocka_unit_test(any_difference_makes_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
