/* Who asks: what is remembered of it, for how long, and what a session's page must send. */
#include "fixture.h"

#include <pthread.h>
#include <sodium.h>

static void secrets_look_like_secrets(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_secret;
	} ROWS[] = {
	        {"hw0123456789012345678901234567890123456789-_aZ", true},
	        {"hw0123456789012345678901234567890123456789-_aZ0", false},
	        {"hw0123456789012345678901234567890123456789-_a", false},
	        {"HW0123456789012345678901234567890123456789-_aZ", false},
	        {"xx0123456789012345678901234567890123456789-_aZ", false},
	        {"hw012345678901234567890123456789012345678 -_aZ", false},
	        {"hw0123456789012345678901234567890123456789+/aZ", false},
	        {"hw0123456789012345678901234567890123456789\xc3\xa4"
	         "aZ",
	                false},
	        {"hw", false},
	        {"?", false},
	        {"", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
		assert_int_equal(control_guard_is_secret(str_of(ROWS[i].text)), ROWS[i].is_secret);
	assert_false(control_guard_is_secret(STR_EMPTY));
}

/* A pass of ada's; 0: for ever. */
static struct str make_pass(struct fixture *fixture, uint64_t expires_ms, char *secret)
{
	uint64_t id;
	assert_int_equal(store_accounts_add_pass(fixture_store(fixture), STR("ada"), STR("ci"),
	                         STORE_OPERATOR, expires_ms, secret, &id),
	        STORE_DONE);
	assert_true(control_guard_is_secret(str_of(secret)));
	return str_of(secret);
}

static void who_was_asked_for_is_remembered(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char bytes[STORE_SECRET_BYTES];
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	struct control_guard *guard = fixture.plane.guard;
	struct str secret = make_pass(&fixture, 0, bytes);
	assert_false(control_guard_look(guard, secret, 1, &pass));
	assert_int_equal(
	        control_guard_ask(guard, fixture_store(&fixture), secret, 1, &pass), STORE_DONE);
	assert_string_equal(pass.account, "ada");
	pass = (struct store_pass){0};
	assert_true(control_guard_look(guard, secret, 1, &pass));
	assert_string_equal(pass.account, "ada");
	assert_string_equal(pass.label, "ci");
	assert_int_equal(pass.role, STORE_OPERATOR);
	/* Another secret is not taken for it, wherever it differs. */
	for (size_t i = 2; i < sizeof(bytes) - 1; i++) {
		char other[STORE_SECRET_BYTES];
		memcpy(other, bytes, sizeof(other));
		other[i] = other[i] == 'a' ? 'b' : 'a';
		assert_false(control_guard_look(guard, str_of(other), 1, &pass));
	}
	fixture_done(&fixture);
}

static void nobody_is_not_remembered(void **state)
{
	(void)state;
	static const char NOBODY[] = "hw0123456789012345678901234567890123456789-_aZ";
	struct fixture fixture;
	struct store_pass pass;
	fixture_init(&fixture);
	assert_int_equal(control_guard_ask(fixture.plane.guard, fixture_store(&fixture),
	                         str_of(NOBODY), 1, &pass),
	        STORE_ABSENT);
	assert_false(control_guard_look(fixture.plane.guard, str_of(NOBODY), 1, &pass));
	fixture_done(&fixture);
}

static void what_has_expired_is_not_remembered_any_more(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char bytes[STORE_SECRET_BYTES];
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	struct control_guard *guard = fixture.plane.guard;
	struct str secret = make_pass(&fixture, 5000, bytes);
	assert_int_equal(
	        control_guard_ask(guard, fixture_store(&fixture), secret, 4999, &pass), STORE_DONE);
	assert_true(control_guard_look(guard, secret, 4999, &pass));
	assert_false(control_guard_look(guard, secret, 5000, &pass));
	assert_int_equal(control_guard_ask(guard, fixture_store(&fixture), secret, 5000, &pass),
	        STORE_ABSENT);
	fixture_done(&fixture);
}

static void what_is_forgotten_is_asked_for_again(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char bytes[STORE_SECRET_BYTES];
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	struct control_guard *guard = fixture.plane.guard;
	struct str secret = make_pass(&fixture, 0, bytes);
	assert_int_equal(
	        control_guard_ask(guard, fixture_store(&fixture), secret, 1, &pass), STORE_DONE);
	assert_int_equal(store_accounts_remove_pass(fixture_store(&fixture), pass.id), STORE_DONE);
	control_guard_forget(guard);
	assert_false(control_guard_look(guard, secret, 1, &pass));
	assert_int_equal(
	        control_guard_ask(guard, fixture_store(&fixture), secret, 1, &pass), STORE_ABSENT);
	fixture_done(&fixture);
}

struct asking {
	struct fixture *fixture;
	struct str secret;
	enum store_failure failure;
};

static void *ask_guard(void *argument)
{
	struct asking *asking = argument;
	struct store_pass pass;
	asking->failure = control_guard_ask(asking->fixture->plane.guard,
	        fixture_store(asking->fixture), asking->secret, 1, &pass);
	return NULL;
}

/* The store's lock holds up who asks until something has changed. */
static void what_was_asked_for_before_a_change_is_not_remembered(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char bytes[STORE_SECRET_BYTES];
	pthread_t thread;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	struct asking asking = {.fixture = &fixture, .secret = make_pass(&fixture, 0, bytes)};
	for (unsigned i = 0; i < 5; i++) {
		pthread_mutex_lock(&fixture_store(&fixture)->lock);
		assert_int_equal(pthread_create(&thread, NULL, ask_guard, &asking), 0);
		/* Time to come as far as the lock; where it is too short, the test is easier. */
		usleep(20000);
		control_guard_forget(fixture.plane.guard);
		pthread_mutex_unlock(&fixture_store(&fixture)->lock);
		pthread_join(thread, NULL);
		assert_int_equal(asking.failure, STORE_DONE);
		if (!control_guard_look(fixture.plane.guard, asking.secret, 1, &pass)) {
			fixture_done(&fixture);
			return;
		}
	}
	fail_msg("it was remembered although something changed while the store was asked");
}

static void more_secrets_than_there_is_room_for_take_each_others_places(void **state)
{
	(void)state;
	enum { MANY = 300 };
	struct fixture fixture;
	struct store_pass pass;
	static char secrets[MANY][STORE_SECRET_BYTES];
	unsigned known = 0;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	for (unsigned i = 0; i < MANY; i++) {
		char label[16];
		uint64_t id;
		snprintf(label, sizeof(label), "n%u", i);
		assert_int_equal(store_accounts_add_pass(fixture_store(&fixture), STR("ada"),
		                         str_of(label), STORE_VIEWER, 0, secrets[i], &id),
		        STORE_DONE);
		assert_int_equal(control_guard_ask(fixture.plane.guard, fixture_store(&fixture),
		                         str_of(secrets[i]), 1, &pass),
		        STORE_DONE);
	}
	for (unsigned i = 0; i < MANY; i++) {
		char label[16];
		snprintf(label, sizeof(label), "n%u", i);
		if (!control_guard_look(fixture.plane.guard, str_of(secrets[i]), 1, &pass))
			continue;
		known++;
		assert_string_equal(pass.label, label);
	}
	assert_true(known > 50 && known < MANY);
	fixture_done(&fixture);
}

static void a_page_sends_what_only_its_session_can_tell(void **state)
{
	(void)state;
	char a[CONTROL_GUARD_CSRF_BYTES], b[CONTROL_GUARD_CSRF_BYTES];
	control_guard_csrf(STR("hw-one"), a);
	control_guard_csrf(STR("hw-two"), b);
	assert_int_equal(strlen(a), CONTROL_GUARD_CSRF_BYTES - 1);
	assert_int_equal(strspn(a, "0123456789abcdef"), CONTROL_GUARD_CSRF_BYTES - 1);
	assert_string_not_equal(a, b);
	assert_true(control_guard_is_csrf(STR("hw-one"), str_of(a)));
	assert_false(control_guard_is_csrf(STR("hw-two"), str_of(a)));
	assert_false(control_guard_is_csrf(STR("hw-one"), str_make(a, strlen(a) - 1)));
	assert_false(control_guard_is_csrf(STR("hw-one"), STR_EMPTY));
	assert_false(control_guard_is_csrf(STR("hw-one"), STR("")));
	control_guard_csrf(STR("hw-one"), b);
	assert_string_equal(a, b);
	b[5] ^= 1;
	assert_false(control_guard_is_csrf(STR("hw-one"), str_of(b)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(secrets_look_like_secrets),
	        cmocka_unit_test(who_was_asked_for_is_remembered),
	        cmocka_unit_test(nobody_is_not_remembered),
	        cmocka_unit_test(what_has_expired_is_not_remembered_any_more),
	        cmocka_unit_test(what_is_forgotten_is_asked_for_again),
	        cmocka_unit_test(what_was_asked_for_before_a_change_is_not_remembered),
	        cmocka_unit_test(more_secrets_than_there_is_room_for_take_each_others_places),
	        cmocka_unit_test(a_page_sends_what_only_its_session_can_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
