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

/* Makes so many domains that a page of them is a large answer. */
static void make_many(struct served *served)
{
	enum { MANY = 1500 };
	static struct model_change changes[MANY];
	for (unsigned i = 0; i < MANY; i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%u.test", i);
		struct model_domain *domain = make_domain(name, 3);
		changes[i] = (struct model_change){domain->name, domain};
	}
	control_domains_begin(served->fixture.plane.domains);
	control_domains_take(served->fixture.plane.domains, changes, MANY, 1);
	control_domains_end(served->fixture.plane.domains);
	for (unsigned i = 0; i < MANY; i++)
		model_domain_unref(changes[i].domain);
}

/* Asks for a page of them, and reads nothing. */
static void ask_for_many(struct served *served, struct client *client)
{
	client_open_from(client, &served->fixture, NULL, 4096);
	client->is_paused = true;
	client_say(client, "GET /api/v1/domains?limit=1000 HTTP/1.1\r\nHost: x\r\n");
	client_say(client, bearer(served->viewer));
	client_say(client, "\r\n");
}

static void a_large_answer_goes_as_the_client_takes_it(void **state)
{
	(void)state;
	struct served served;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	make_many(&served);
	ask_for_many(&served, &client);
	turn_for(&client, 100);
	client.is_paused = false;
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	assert_true(response.body.len > 1000000);
	expect_text(text_c(&response.body), "\"total\":1500,\"revision\":1,\"next\":");
	response_done(&response);
	client_close(&client);
	end_served(&served);
}

static void read_many(struct client *client, unsigned status)
{
	struct response response = {.body = {.at = NULL}};
	client->is_paused = false;
	read_response(client, HTTP_GET, &response);
	assert_int_equal(response.head.status, status);
	if (status == 200)
		assert_true(response.body.len > 1000000);
	else
		expect_text(text_c(&response.body), "/problems/overloaded");
	response_done(&response);
	client_close(client);
}

/* Who asks for much and reads nothing takes no more memory than there is for that. */
static void large_answers_that_nobody_reads_have_a_bound(void **state)
{
	(void)state;
	const int little = 65536; /* what the kernel takes of an answer */
	struct served served;
	struct client slow, leaving, late;
	begin_served(&served);
	make_many(&served);
	assert_int_equal(
	        setsockopt(served.listener, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
	struct mem_budget *budget = &served.exchanges->answer_budget;
	assert_int_equal(budget->limit, LIMIT_API_MEMORY_BYTES);
	ask_for_many(&served, &slow);
	turn_until(&slow, atomic_load(&budget->used) > 1000000);
	size_t one = atomic_load(&budget->used);
	budget->limit = 2 * one + one / 2;
	ask_for_many(&served, &leaving);
	turn_until(&leaving, atomic_load(&budget->used) == 2 * one);
	ask_for_many(&served, &late);
	read_many(&late, 503);
	/* Others are answered, and who leaves or reads makes room. */
	expect_once(&served, 200, "GET /api/v1/domains?limit=1", bearer(served.viewer), NULL,
	        "\"total\":1500");
	client_reset(&leaving);
	client_close(&leaving);
	turn_until(&slow, atomic_load(&budget->used) == one);
	ask_for_many(&served, &late);
	read_many(&late, 200);
	read_many(&slow, 200);
	struct client nobody = {.fixture = &served.fixture, .fd = -1};
	turn_until(&nobody, atomic_load(&budget->used) == 0);
	end_served(&served);
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
	        cmocka_unit_test(a_large_answer_goes_as_the_client_takes_it),
	        cmocka_unit_test(large_answers_that_nobody_reads_have_a_bound),
	        cmocka_unit_test(the_loop_does_not_wait_for_the_words_of_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
