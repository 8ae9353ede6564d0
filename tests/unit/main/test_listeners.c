/* Listening sockets. */
#include "main/listeners.h"

#include "net/tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void each_address_has_a_socket_for_each_worker_on_one_port(void **state)
{
	(void)state;
	struct words asked = {0};
	struct listeners listeners;
	struct text why = {0};
	words_add(&asked, STR("127.0.0.1:0"));
	words_add(&asked, STR("127.0.0.1:0"));
	assert_true(listeners_open(&asked, 3, 16, &listeners, &why));
	assert_int_equal(listeners_socket_count(&listeners), 6);
	for (unsigned i = 0; i < 6; i++) {
		struct address address;
		assert_true(tcp_local_address(listeners.sockets[i], &address));
		assert_true(address_is_equal(&address, &listeners.bound[i / 3]));
	}
	assert_int_not_equal(listeners.bound[0].port, listeners.bound[1].port);
	listeners_done(&listeners);
	words_done(&asked);
}

static void an_address_that_is_in_use_is_refused_and_named(void **state)
{
	(void)state;
	struct words asked = {0};
	struct listeners first, second;
	struct text why = {0};
	char bound[ADDRESS_TEXT_BYTES];
	words_add(&asked, STR("127.0.0.1:0"));
	assert_true(listeners_open(&asked, 1, 16, &first, &why));
	words_done(&asked);
	/* Ours has SO_REUSEPORT, and is refused all the same. */
	words_add(&asked, STR("127.0.0.1:0"));
	words_add(&asked, str_of(address_format(&first.bound[0], bound)));
	assert_false(listeners_open(&asked, 2, 16, &second, &why));
	assert_non_null(strstr(text_c(&why), bound));
	assert_non_null(strstr(text_c(&why), "in use"));
	listeners_done(&first);
	words_done(&asked);
	text_done(&why);
}

static void an_address_that_is_not_ours_is_refused(void **state)
{
	(void)state;
	struct words asked = {0};
	struct listeners listeners;
	struct text why = {0};
	words_add(&asked, STR("192.0.2.1:80"));
	assert_false(listeners_open(&asked, 1, 16, &listeners, &why));
	assert_non_null(strstr(text_c(&why), "192.0.2.1:80"));
	words_done(&asked);
	text_done(&why);
}

static void a_port_that_is_for_root_is_told_as_such(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		struct words asked = {0};
		struct listeners listeners;
		struct text why = {0};
		words_add(&asked, STR("127.0.0.1:1"));
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(1);
		/* Where anybody may have it, nothing is told. */
		bool is_right = listeners_open(&asked, 1, 16, &listeners, &why) ||
		                strstr(text_c(&why), "only root") != NULL;
		_exit(is_right ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_address_has_a_socket_for_each_worker_on_one_port),
	        cmocka_unit_test(an_address_that_is_in_use_is_refused_and_named),
	        cmocka_unit_test(an_address_that_is_not_ours_is_refused),
	        cmocka_unit_test(a_port_that_is_for_root_is_told_as_such),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
