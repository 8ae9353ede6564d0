/* The folder of certificates: what lies in it is shown, and what comes to lie in it, soon after. */
#include "../net/authority.h"

#include "base/clock.h"
#include "edge/certificates.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct issued root;

static int set_up(void **state)
{
	(void)state;
	root = issue(NULL, &(struct wanted){.subject = "Root", .is_authority = true});
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free_issued(&root);
	return 0;
}

static void write_file(const char *path, const struct text *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content->at, content->len), (ssize_t)content->len);
	close(fd);
}

/* A certificate and its key in two files. */
static void put(const char *certificate, const char *key, const char *names)
{
	struct issued leaf = issue(&root, &(struct wanted){.subject = "x", .names = names});
	struct text one = {0}, other = {0};
	add_certificate_of(&one, &leaf);
	add_key_of(&other, &leaf);
	write_file(certificate, &one);
	write_file(key, &other);
	text_done(&one);
	text_done(&other);
	free_issued(&leaf);
}

static bool has(struct edge_certificates *certificates, const char *name)
{
	struct tls_shelf *shelf = tls_shelf_slot_get(edge_certificates_slot(certificates));
	bool is_there = tls_shelf_has(shelf, str_of(name));
	tls_shelf_unref(shelf);
	return is_there;
}

static void wait_for(struct edge_certificates *certificates, const char *name, bool is_there)
{
	uint64_t until_ms = clock_ms() + 20000;
	while (has(certificates, name) != is_there) {
		assert_true(clock_ms() < until_ms);
		usleep(20000);
	}
}

static void what_lies_there_is_shown(void **state)
{
	(void)state;
	char folder[] = "/tmp/headwater-certificates-XXXXXX";
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	/* As lego has it, and as certbot does, by links. */
	put("a.crt", "a.key", "DNS:a.test");
	assert_int_equal(mkdir("live", 0700), 0);
	assert_int_equal(mkdir("live/b.test", 0700), 0);
	assert_int_equal(mkdir(".archive", 0700), 0);
	put(".archive/fullchain1.pem", ".archive/privkey1.pem", "DNS:b.test");
	assert_int_equal(symlink("../../.archive/fullchain1.pem", "live/b.test/fullchain.pem"), 0);
	assert_int_equal(symlink("../../.archive/privkey1.pem", "live/b.test/privkey.pem"), 0);
	assert_int_equal(symlink("/nowhere", "live/README.pem"), 0);
	put("hidden.txt", ".hidden.pem", "DNS:c.test");
	struct edge_certificates *certificates = edge_certificates_new(folder);
	assert_non_null(certificates);
	assert_true(has(certificates, "a.test"));
	assert_true(has(certificates, "b.test"));
	assert_false(has(certificates, "c.test"));

	put("c.pem", "d.pem", "DNS:c.test,DNS:d.test");
	wait_for(certificates, "d.test", true);
	assert_true(has(certificates, "a.test"));
	/* certbot renews by turning the links. */
	put(".archive/fullchain2.pem", ".archive/privkey2.pem", "DNS:e.test");
	assert_int_equal(symlink("../../.archive/fullchain2.pem", "next"), 0);
	assert_int_equal(rename("next", "live/b.test/fullchain.pem"), 0);
	assert_int_equal(symlink("../../.archive/privkey2.pem", "next"), 0);
	assert_int_equal(rename("next", "live/b.test/privkey.pem"), 0);
	wait_for(certificates, "e.test", true);
	assert_false(has(certificates, "b.test"));
	unlink("a.crt");
	wait_for(certificates, "a.test", false);
	edge_certificates_free(certificates);
	char remove[64];
	snprintf(remove, sizeof(remove), "rm -r %s", folder);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(system(remove), 0);
}

static void a_folder_that_is_not_there_has_none(void **state)
{
	(void)state;
	const char *const folders[] = {"", "/nowhere/at/all"};
	for (unsigned i = 0; i < ARRAY_LENGTH(folders); i++) {
		struct edge_certificates *certificates = edge_certificates_new(folders[i]);
		assert_non_null(certificates);
		assert_false(has(certificates, "a.test"));
		edge_certificates_free(certificates);
	}
	edge_certificates_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_lies_there_is_shown),
	        cmocka_unit_test(a_folder_that_is_not_there_has_none),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
