/* What an exchange holds while it takes long: who asked, the memory of its answer, the loop. */
#include "control/exchanges_private.h"

#include "served.h"

/* What is taken from who asks while the body comes in. */
enum taken { TAKEN_NOTHING, TAKEN_TOKEN, TAKEN_ROLE, TAKEN_PASSWORD, TAKEN_ACCOUNT, TAKENS };

static void take_away(struct served *served, enum taken what)
{
	struct store *store = fixture_store(&served->fixture);
	struct store_pass pass;
	add_account(&served->fixture, "bob", STORE_ADMIN);
	assert_int_equal(
	        store_accounts_find_pass(store, str_of(served->admin), clock_wall_ms(), &pass),
	        STORE_DONE);
	if (what == TAKEN_TOKEN)
		assert_int_equal(store_accounts_remove_pass(store, pass.id), STORE_DONE);
	if (what == TAKEN_ROLE)
		assert_int_equal(store_accounts_change(store, STR("ada"),
		                         &(struct store_account_change){
		                                 .has_role = true, .role = STORE_OPERATOR}),
		        STORE_DONE);
	if (what == TAKEN_PASSWORD)
		take_password(served);
	if (what == TAKEN_ACCOUNT)
		assert_int_equal(store_accounts_remove(store, STR("ada")), STORE_DONE);
	control_guard_forget(served->fixture.plane.guard);
}

/* A body may take hours; what was taken meanwhile is taken. */
static void who_was_taken_the_right_while_the_body_came_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		unsigned status;
		const char *problem;
	} ROWS[TAKENS] = {
	        [TAKEN_NOTHING] = {201, "\"name\":\"a.test\""},
	        [TAKEN_TOKEN] = {401, "/problems/unauthenticated"},
	        [TAKEN_ROLE] = {403, "/problems/forbidden"},
	        [TAKEN_PASSWORD] = {403, "/problems/password-change-required"},
	        [TAKEN_ACCOUNT] = {401, "/problems/unauthenticated"},
	};
	for (unsigned what = 0; what < TAKENS; what++) {
		struct served served;
		struct client client;
		struct response response = {.body = {.at = NULL}};
		struct text head = {0};
		begin_served(&served);
		client_open(&client, &served.fixture);
		text_addf(&head,
		        "POST /api/v1/domains HTTP/1.1\r\nHost: x\r\n%sContent-Type: "
		        "application/json\r\nContent-Length: %zu\r\n\r\n%.10s",
		        bearer(served.admin), strlen(A_TEST), A_TEST);
		client_say(&client, text_c(&head));
		turn_for(&client, 30);
		take_away(&served, (enum taken)what);
		client_say(&client, A_TEST + 10);
		read_response(&client, HTTP_POST, &response);
		assert_int_equal(response.head.status, ROWS[what].status);
		expect_text(text_c(&response.body), ROWS[what].problem);
		assert_int_equal(count_now(&served.fixture), what == TAKEN_NOTHING);
		text_done(&head);
		response_done(&response);
		client_close(&client);
		end_served(&served);
	}
}

/* What the store has to say of a failure is asked for where one may wait for it: the loop has the
 * edges and the streams, too. */
static void the_loop_does_not_wait_for_the_words_of_a_failure(void **state)
{
	(void)state;
	struct served served;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	pthread_mutex_t *lock = &fixture_store(&served.fixture)->lock;
	assert_int_equal(unlink(served.fixture.place.path), 0);
	pthread_mutex_lock(lock);
	client_open(&client, &served.fixture);
	client_say(&client, "GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\n");
	client_say(&client, bearer(served.viewer));
	client_say(&client, "\r\n");
	turn_for(&client, 50);
	pthread_mutex_unlock(lock);
	/* The thread of the lane finds that the file is gone; then somebody else has the store. */
	usleep(100000);
	pthread_mutex_lock(lock);
	alarm(20); /* or this would be waited for for ever */
	turn_for(&client, 50);
	alarm(0);
	pthread_mutex_unlock(lock);
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 503);
	expect_text(text_c(&response.body), "/problems/store-unavailable");
	expect_text(text_c(&response.body), "was removed or replaced");
	expect_text(text_c(&response.body), served.fixture.place.path);
	response_done(&response);
	client_close(&client);
	end_served(&served);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(who_was_taken_the_right_while_the_body_came_changes_nothing),
	        cmocka_unit_test(the_loop_does_not_wait_for_the_words_of_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
