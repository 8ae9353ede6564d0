/* Where the socket for commands is, and who has it. */
#include "main/command_socket.h"

#include "net/local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void set(struct settings *settings, const char *name, const char *value)
{
	struct model_why why;
	assert_true(settings_set(settings, settings_find(str_of(name)), str_of(value), &why));
}

static void the_path_is_said_or_below_the_state(void **state)
{
	(void)state;
	static const struct {
		const char *socket, *state_dir, *path;
	} ROWS[] = {
	        {"", "", ""},
	        {"", "/var/lib/headwater", "/var/lib/headwater/edge.socket"},
	        {"/run/headwater.socket", "", "/run/headwater.socket"},
	        {"/run/headwater.socket", "/var/lib/headwater", "/run/headwater.socket"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct settings settings;
		struct text path = {0};
		settings_init(&settings);
		set(&settings, "socket", ROWS[i].socket);
		set(&settings, "state_dir", ROWS[i].state_dir);
		command_socket_add_path(&settings, &path);
		assert_string_equal(text_c(&path), ROWS[i].path);
		text_done(&path);
		settings_done(&settings);
	}
}

static void nobody_gets_what_another_has(void **state)
{
	(void)state;
	char folder[] = "/tmp/headwater-test-XXXXXX", path[64];
	struct settings settings;
	struct text why = {0}, expected = {0};
	int first, second;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/edge.socket", folder);
	settings_init(&settings);
	set(&settings, "state_dir", folder);
	assert_true(command_socket_open(&settings, &first, &why));
	assert_true(first >= 0);
	assert_true(command_socket_is_meant(&settings, first));
	assert_false(command_socket_is_meant(&settings, -1));
	assert_false(command_socket_open(&settings, &second, &why));
	text_addf(&expected, "cannot listen on %s: another process listens there", path);
	assert_string_equal(text_c(&why), text_c(&expected));
	close(first);

	set(&settings, "socket", "/dev/null");
	text_clear(&why);
	assert_false(command_socket_open(&settings, &second, &why));
	assert_string_equal(text_c(&why), "cannot listen on /dev/null: what is there is no socket");

	text_done(&why);
	text_done(&expected);
	settings_done(&settings);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

/* As the edge of a supervisor that was killed does. */
static void who_ends_soon_is_waited_for(void **state)
{
	(void)state;
	char folder[] = "/tmp/headwater-test-XXXXXX", path[64];
	struct settings settings;
	struct text why = {0};
	int first, second;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/edge.socket", folder);
	settings_init(&settings);
	set(&settings, "state_dir", folder);
	assert_true(command_socket_open(&settings, &first, &why));
	pid_t pid = fork();
	if (pid == 0) {
		usleep(300000);
		_exit(0);
	}
	close(first);
	assert_true(command_socket_open(&settings, &second, &why));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(second);
	text_done(&why);
	settings_done(&settings);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void without_a_path_there_is_none(void **state)
{
	(void)state;
	struct settings settings;
	struct text why = {0};
	int socket;
	settings_init(&settings);
	assert_true(command_socket_open(&settings, &socket, &why));
	assert_int_equal(socket, -1);
	assert_true(command_socket_is_meant(&settings, -1));
	settings_done(&settings);
}

static void a_path_of_full_length_is_compared_whole(void **state)
{
	(void)state;
	char folder[] = "/tmp/headwater-test-XXXXXX", path[LOCAL_PATH_BYTES + 1];
	struct settings settings;
	struct text why = {0};
	int socket;
	assert_non_null(mkdtemp(folder));
	memset(path, 'a', LOCAL_PATH_BYTES);
	path[LOCAL_PATH_BYTES] = '\0';
	memcpy(path, folder, strlen(folder));
	path[strlen(folder)] = '/';
	settings_init(&settings);
	set(&settings, "socket", path);
	assert_true(command_socket_open(&settings, &socket, &why));
	assert_true(command_socket_is_meant(&settings, socket));
	close(socket);
	settings_done(&settings);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_path_is_said_or_below_the_state),
	        cmocka_unit_test(nobody_gets_what_another_has),
	        cmocka_unit_test(who_ends_soon_is_waited_for),
	        cmocka_unit_test(without_a_path_there_is_none),
	        cmocka_unit_test(a_path_of_full_length_is_compared_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
