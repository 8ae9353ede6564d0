/* What an exchange holds while it takes long: who asked, the memory of its answer, the loop. */
#include "control/exchanges_private.h"

#include "served.h"

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
	        cmocka_unit_test(the_loop_does_not_wait_for_the_words_of_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
