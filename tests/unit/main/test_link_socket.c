/* The socket for edges: where, and whose it is. */
#include "main/link_socket.h"

#include "base/hash.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/headwater-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	hash_init();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/control.socket", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void ask(struct invocation *invocation, const char *name, const char *value)
{
	struct model_why why;
	assert_true(settings_set(
	        &invocation->settings, settings_find(str_of(name)), str_of(value), &why));
}

static void it_is_in_the_folder_of_state(void **state)
{
	(void)state;
	struct invocation invocation = {0};
	struct text why = {0};
	int fd = -1, none = 7;
	settings_init(&invocation.settings);
	ask(&invocation, "state_dir", folder);
	assert_true(link_socket_open(&invocation, &fd, &why));
	assert_true(link_socket_is_meant(&invocation, fd));
	assert_false(link_socket_is_meant(&invocation, -1));
	assert_int_equal(access(path, F_OK), 0);
	/* With a file, edges ask for purges; where there is nobody to ask for any, none does. */
	ask(&invocation, "domains", "/a.yaml");
	assert_true(link_socket_is_meant(&invocation, fd));
	settings_clear(&invocation.settings, settings_find(STR("api")));
	ask(&invocation, "api", "off");
	assert_false(link_socket_is_meant(&invocation, fd));
	assert_true(link_socket_is_meant(&invocation, -1));
	assert_true(link_socket_open(&invocation, &none, &why));
	assert_int_equal(none, -1);
	close(fd);
	settings_done(&invocation.settings);
	text_done(&why);
}

static void it_belongs_to_the_user_that_edges_become(void **state)
{
	(void)state;
	const struct passwd *entry = getpwnam("nobody");
	struct invocation invocation = {0};
	struct text why = {0};
	struct stat info;
	int fd = -1;
	if (geteuid() != 0 || entry == NULL)
		skip();
	uid_t nobody = entry->pw_uid;
	settings_init(&invocation.settings);
	ask(&invocation, "state_dir", folder);
	ask(&invocation, "user", "nobody");
	unlink(path);
	/* A folder that is not the user's is no place for what is. */
	assert_false(link_socket_open(&invocation, &fd, &why));
	assert_non_null(strstr(text_c(&why), "Permission denied"));
	assert_int_equal(geteuid(), 0);
	assert_int_equal(chown(folder, nobody, entry->pw_gid), 0);
	assert_true(link_socket_open(&invocation, &fd, &why));
	assert_int_equal(geteuid(), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_uid, nobody);
	assert_int_equal(info.st_mode & 07777, 0600);
	close(fd);
	settings_done(&invocation.settings);
	text_done(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_is_in_the_folder_of_state),
	        cmocka_unit_test(it_belongs_to_the_user_that_edges_become),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
