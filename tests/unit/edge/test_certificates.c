/* The folder of certificates: what lies in it is shown, and what comes to lie in it, soon after. */
#include "../net/authority.h"

#include "base/clock.h"
#include "edge/certificates.h"
#include "net/tls_shelf_private.h"

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
	struct edge_certificates *certificates = edge_certificates_new(folder, NULL);
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

/* Puts both into one file: valid from and until so many seconds from now. */
static struct issued put_for(const char *path, const char *names, int64_t from_s, int64_t until_s)
{
	struct issued leaf = issue(&root,
	        &(struct wanted){
	                .subject = "x", .names = names, .from_s = from_s, .until_s = until_s});
	struct text both = {0};
	add_certificate_of(&both, &leaf);
	add_key_of(&both, &leaf);
	write_file(path, &both);
	text_done(&both);
	return leaf;
}

static void wait_until_shown(
        struct edge_certificates *certificates, const char *name, const X509 *wanted)
{
	uint64_t until_ms = clock_ms() + 20000;
	for (bool is_shown = false; !is_shown;) {
		struct tls_shelf *shelf = tls_shelf_slot_get(edge_certificates_slot(certificates));
		const struct tls_shelf_name *found = tls_shelf_find(shelf, str_of(name));
		is_shown =
		        found != NULL && X509_cmp(found->pairs[TLS_KIND_ECDSA]->leaf, wanted) == 0;
		tls_shelf_unref(shelf);
		assert_true(clock_ms() < until_ms);
		usleep(20000);
	}
}

static void what_becomes_valid_or_expires_is_noticed(void **state)
{
	(void)state;
	char folder[] = "/tmp/headwater-certificates-XXXXXX";
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	struct issued lasting = put_for("lasting.pem", "DNS:v.test", -900, 900);
	struct issued brief = put_for("brief.pem", "DNS:v.test", -100, 3);
	struct issued early = put_for("early.pem", "DNS:w.test,DNS:v.test", 6, 5000);
	struct edge_certificates *certificates = edge_certificates_new(folder, NULL);
	wait_until_shown(certificates, "v.test", brief.x509);
	wait_until_shown(certificates, "v.test", lasting.x509);
	wait_until_shown(certificates, "v.test", early.x509);
	edge_certificates_free(certificates);
	free_issued(&lasting);
	free_issued(&brief);
	free_issued(&early);
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
		struct edge_certificates *certificates = edge_certificates_new(folders[i], NULL);
		assert_non_null(certificates);
		assert_false(has(certificates, "a.test"));
		edge_certificates_free(certificates);
	}
	edge_certificates_free(NULL);
}

/* ---- those of the control plane ---- */

struct watcher {
	struct edge_certificates_watcher watcher;
	atomic_uint count;
};

static void on_shown(struct edge_certificates_watcher *self)
{
	atomic_fetch_add(&container_of(self, struct watcher, watcher)->count, 1);
}

/* A list with one more that is for these names. */
static void add_told(struct link_certificates **list, const char *name, const struct wanted *wanted,
        uint64_t revision)
{
	struct issued leaf = issue(&root, wanted);
	struct text chain = {0}, key = {0};
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, &leaf);
	struct link_certificate *one =
	        link_certificate_new(str_of(name), revision, text_str(&chain), text_str(&key));
	struct link_certificates *after = link_certificates_with(*list, name, one, revision);
	link_certificate_unref(one);
	link_certificates_unref(*list);
	*list = after;
	text_done(&chain);
	text_done(&key);
	free_issued(&leaf);
}

static void what_is_told_is_shown_beside_the_folder(void **state)
{
	(void)state;
	char folder[] = "/tmp/headwater-certificates-XXXXXX";
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	put("a.crt", "a.key", "DNS:a.test");
	struct watcher watcher = {.watcher = {.on_shown = on_shown}};
	struct link_certificates *list = link_certificates_new();
	struct edge_certificates *certificates = edge_certificates_new(folder, &watcher.watcher);
	assert_null(edge_certificates_shown(certificates));
	const uint64_t first_s = edge_certificates_first_end_s(certificates);
	assert_true(first_s > (uint64_t)time(NULL));
	add_told(&list, "one",
	        &(struct wanted){.subject = "x", .names = "DNS:b.test", .until_s = 500}, 1);
	edge_certificates_tell(certificates, list);
	edge_certificates_settle(certificates);
	assert_true(has(certificates, "a.test") && has(certificates, "b.test"));
	struct link_certificates *shown = edge_certificates_shown(certificates);
	assert_ptr_equal(shown, list);
	link_certificates_unref(shown);
	assert_true(edge_certificates_first_end_s(certificates) < first_s);
	wait_for(certificates, "b.test", true);
	/* In the place of the one of its name. */
	add_told(&list, "one", &(struct wanted){.subject = "x", .names = "DNS:c.test"}, 2);
	edge_certificates_tell(certificates, list);
	edge_certificates_settle(certificates);
	assert_true(has(certificates, "c.test") && !has(certificates, "b.test"));
	/* The folder goes on. */
	put("d.crt", "d.key", "DNS:d.test");
	wait_for(certificates, "d.test", true);
	assert_true(has(certificates, "c.test"));
	struct link_certificates *none = link_certificates_with(list, "one", NULL, 3);
	edge_certificates_tell(certificates, none);
	edge_certificates_settle(certificates);
	assert_false(has(certificates, "c.test"));
	assert_true(has(certificates, "a.test"));
	for (uint64_t until_ms = clock_ms() + 5000; atomic_load(&watcher.count) < 3;) {
		assert_true(clock_ms() < until_ms);
		usleep(1000);
	}
	edge_certificates_free(certificates);
	link_certificates_unref(none);
	link_certificates_unref(list);
	char remove[64];
	snprintf(remove, sizeof(remove), "rm -r %s", folder);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(system(remove), 0);
}

static void without_a_folder_they_are_shown_alone(void **state)
{
	(void)state;
	struct link_certificates *list = link_certificates_new();
	struct edge_certificates *certificates = edge_certificates_new("", NULL);
	assert_int_equal(edge_certificates_first_end_s(certificates), 0);
	add_told(&list, "one", &(struct wanted){.subject = "x", .names = "DNS:b.test"}, 1);
	edge_certificates_tell(certificates, list);
	edge_certificates_settle(certificates);
	assert_true(has(certificates, "b.test"));
	/* One that is of no use takes no other away. */
	struct link_certificate *bad =
	        link_certificate_new(STR("bad"), 2, STR("nonsense"), STR("more"));
	struct link_certificates *more = link_certificates_with(list, "bad", bad, 2);
	edge_certificates_tell(certificates, more);
	edge_certificates_settle(certificates);
	assert_true(has(certificates, "b.test"));
	link_certificate_unref(bad);
	link_certificates_unref(more);
	/* What was told and is not shown yet goes with it. */
	edge_certificates_tell(certificates, list);
	edge_certificates_free(certificates);
	link_certificates_unref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_lies_there_is_shown),
	        cmocka_unit_test(what_becomes_valid_or_expires_is_noticed),
	        cmocka_unit_test(a_folder_that_is_not_there_has_none),
	        cmocka_unit_test(what_is_told_is_shown_beside_the_folder),
	        cmocka_unit_test(without_a_folder_they_are_shown_alone),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
