/* Seals: what is closed is opened by the same key under the same name, and by nothing else. */
#include "stores.h"

#include <errno.h>
#include <fcntl.h>

static struct store_seal *open_seal(const char *path)
{
	const char *why = "";
	struct store_seal *seal = store_seal_open(path, true, &why);
	if (seal == NULL)
		fail_msg("%s %s", path, why);
	return seal;
}

static void what_is_closed_is_broken_open(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {"", "a", "a secret of some length, \xc3\xa4 and all"};
	struct place place;
	place_init(&place);
	struct store_seal *seal = open_seal(place.key);
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
		struct text sealed = {0}, open = {0};
		store_seal_close(seal, STR("a.test"), str_of(TEXTS[i]), &sealed);
		if (strlen(TEXTS[i]) > 8)
			assert_null(memmem(sealed.at, sealed.len, TEXTS[i], strlen(TEXTS[i])));
		assert_true(store_seal_break(seal, STR("a.test"), text_str(&sealed), &open));
		assert_string_equal(open.len == 0 ? "" : text_c(&open), TEXTS[i]);
		store_seal_forget(&open);
		assert_null(open.at);
		text_done(&sealed);
	}
	store_seal_free(seal);
	place_done(&place);
}

static void two_seals_of_one_text_differ(void **state)
{
	(void)state;
	struct place place;
	struct text first = {0}, second = {0};
	place_init(&place);
	struct store_seal *seal = open_seal(place.key);
	store_seal_close(seal, STR("a.test"), STR("secret"), &first);
	store_seal_close(seal, STR("a.test"), STR("secret"), &second);
	assert_false(str_is_equal(text_str(&first), text_str(&second)));
	text_done(&first);
	text_done(&second);
	store_seal_free(seal);
	place_done(&place);
}

static void nothing_else_opens_it(void **state)
{
	(void)state;
	struct place place, other;
	struct text sealed = {0}, open = {0};
	place_init(&place);
	place_init(&other);
	struct store_seal *seal = open_seal(place.key), *foreign = open_seal(other.key);
	store_seal_close(seal, STR("a.test"), STR("secret"), &sealed);
	assert_false(store_seal_break(seal, STR("b.test"), text_str(&sealed), &open));
	assert_false(store_seal_break(foreign, STR("a.test"), text_str(&sealed), &open));
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.at[i] ^= 1;
		assert_false(store_seal_break(seal, STR("a.test"), text_str(&sealed), &open));
		sealed.at[i] ^= 1;
		assert_false(store_seal_break(seal, STR("a.test"), str_make(sealed.at, i), &open));
	}
	assert_false(store_seal_break(seal, STR("a.test"), STR_EMPTY, &open));
	assert_int_equal(open.len, 0);
	assert_true(store_seal_break(seal, STR("a.test"), text_str(&sealed), &open));
	text_done(&open);
	text_done(&sealed);
	store_seal_free(foreign);
	store_seal_free(seal);
	place_done(&other);
	place_done(&place);
}

static void the_key_is_made_once_for_its_owner_alone(void **state)
{
	(void)state;
	struct place place;
	struct stat info;
	struct text sealed = {0}, open = {0};
	place_init(&place);
	struct store_seal *seal = open_seal(place.key);
	store_seal_close(seal, STR("a.test"), STR("secret"), &sealed);
	store_seal_free(seal);
	assert_int_equal(stat(place.key, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(info.st_size, 65);
	assert_int_equal(info.st_nlink, 1);
	seal = open_seal(place.key);
	assert_true(store_seal_break(seal, STR("a.test"), text_str(&sealed), &open));
	text_done(&open);
	text_done(&sealed);
	store_seal_free(seal);
	place_done(&place);
}

static void write_key(const char *path, const char *text, mode_t mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void what_is_no_key_is_refused_with_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		mode_t mode;
		const char *why;
	} CASES[] = {
	        {"", 0600, "has no key: 64 hexadecimal digits in one line"},
	        {"\n", 0600, "has no key: 64 hexadecimal digits in one line"},
	        {DIGITS "0", 0600, "has no key: 64 hexadecimal digits in one line"},
	        {DIGITS "\n\n", 0600, "has no key: 64 hexadecimal digits in one line"},
	        {"zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 0600,
	                "has no key: 64 hexadecimal digits in one line"},
	        {DIGITS "\n", 0640, "may be used by others: its mode must be 0600"},
	        {DIGITS "\n", 0604, "may be used by others: its mode must be 0600"},
	};
	struct place place;
	place_init(&place);
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		const char *why = "";
		write_key(place.key, CASES[i].text, CASES[i].mode);
		assert_null(store_seal_open(place.key, true, &why));
		assert_string_equal(why, CASES[i].why);
		assert_int_equal(errno, 0);
	}
	write_key(place.key, DIGITS "\n", 0600);
	store_seal_free(open_seal(place.key));
	write_key(place.key, DIGITS, 0400);
	store_seal_free(open_seal(place.key));
	place_done(&place);
}

static void what_cannot_be_read_or_made_is_told(void **state)
{
	(void)state;
	struct place place;
	const char *why = "";
	place_init(&place);
	assert_null(store_seal_open(place.folder, true, &why));
	assert_string_equal(why, "is no regular file");
	assert_null(store_seal_open("/nowhere/at/all", true, &why));
	assert_string_equal(why, "cannot be made");
	assert_int_equal(errno, ENOENT);
	assert_null(store_seal_open(place.key, false, &why));
	assert_string_equal(why, "cannot be read");
	assert_int_equal(errno, ENOENT);
	place_done(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_closed_is_broken_open),
	        cmocka_unit_test(two_seals_of_one_text_differ),
	        cmocka_unit_test(nothing_else_opens_it),
	        cmocka_unit_test(the_key_is_made_once_for_its_owner_alone),
	        cmocka_unit_test(what_is_no_key_is_refused_with_a_reason),
	        cmocka_unit_test(what_cannot_be_read_or_made_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
