/* Trusts: which settings share one, when files are read, and what becomes of wrong ones. */
#include "origin/trust.h"

#include "stand.h"

#include "net/tls_issue.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct bench {
	struct loop *loop;
	struct origin_trust_table *table;
	struct origin_trust_sink sink;
	char folder[32];
	char told_path[64], told_why[96]; /* last */
	unsigned told;
	struct text authority, other_authority;
};

static void on_file(struct origin_trust_sink *sink, const char *path, const char *why)
{
	struct bench *bench = container_of(sink, struct bench, sink);
	snprintf(bench->told_path, sizeof(bench->told_path), "%s", path);
	snprintf(bench->told_why, sizeof(bench->told_why), "%s", why != NULL ? why : "fine");
	bench->told++;
}

static int open_bench(void **state)
{
	struct bench *bench = mem_new(struct bench);
	bench->loop = loop_new();
	bench->sink.on_file = on_file;
	bench->table = origin_trust_table_new(bench->loop, &bench->sink);
	snprintf(bench->folder, sizeof(bench->folder), "/tmp/trust.XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	tls_issue_authority(10, &bench->authority);
	tls_issue_authority(10, &bench->other_authority);
	*state = bench;
	return 0;
}

static int close_bench(void **state)
{
	struct bench *bench = *state;
	char command[96];
	origin_trust_table_free(bench->table);
	loop_free(bench->loop);
	snprintf(command, sizeof(command), "rm -r %s", bench->folder);
	assert_int_equal(system(command), 0);
	text_done(&bench->authority);
	text_done(&bench->other_authority);
	mem_free(bench);
	return 0;
}

/* A path in the folder, which lasts for a test. */
static const char *path_of(const struct bench *bench, const char *name)
{
	static char paths[256][64];
	static unsigned next;
	char *path = paths[next++ % ARRAY_LENGTH(paths)];
	snprintf(path, sizeof(paths[0]), "%s/%s", bench->folder, name);
	return path;
}

/* Replaces the file by a rename. */
static void write_file(const struct bench *bench, const char *name, struct str content)
{
	const char *path = path_of(bench, name), *beside = path_of(bench, "beside");
	int fd = open(beside, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_int_equal(write(fd, content.at, content.len), (ssize_t)content.len);
	close(fd);
	assert_int_equal(rename(beside, path), 0);
}

static bool connects(struct origin_trust *trust)
{
	int sockets[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
	struct tls *tls = origin_trust_connect(trust, sockets[0], "o.test", NULL);
	bool has_connected = tls != NULL;
	tls_free(tls);
	close(sockets[0]);
	close(sockets[1]);
	return has_connected;
}

static void what_decides_about_verification_tells_trusts_apart(void **state)
{
	struct bench *bench = *state;
	write_file(bench, "a", text_str(&bench->authority));
	write_file(bench, "b", text_str(&bench->authority));
	const char *a = path_of(bench, "a"), *b = path_of(bench, "b");
	const struct model_tls rows[] = {
	        {.verify = true},
	        {.verify = false},
	        {.verify = true, .ca = a},
	        {.verify = true, .ca = b},
	        {.verify = true, .certificate = a},
	        {.verify = true, .certificate = a, .key = b},
	        {.verify = true, .ca = a, .certificate = a},
	        {.verify = false, .certificate = a},
	};
	struct origin_trust *trusts[ARRAY_LENGTH(rows)];
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		trusts[i] = origin_trust_get(bench->table, &rows[i]);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(trusts[i], trusts[k]);
	}
	/* The server's name is the pool's, and an authority that is not asked is none. */
	const struct model_tls same[][2] = {
	        {{.verify = true, .ca = a, .server_name = "x.test"}, rows[2]},
	        {{.verify = false, .ca = a}, rows[1]},
	        {{.verify = true, .key = b}, rows[0]},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(same); i++) {
		struct origin_trust *one = origin_trust_get(bench->table, &same[i][0]);
		struct origin_trust *other = origin_trust_get(bench->table, &same[i][1]);
		assert_ptr_equal(one, other);
		origin_trust_unref(one);
		origin_trust_unref(other);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		origin_trust_unref(trusts[i]);
	origin_trust_unref(NULL);
}

static void a_file_that_is_wrong_is_told_and_tried_again(void **state)
{
	struct bench *bench = *state;
	struct model_tls settings = {.verify = true, .ca = path_of(bench, "ca")};
	const char *path = settings.ca;
	struct origin_trust *trust = origin_trust_get(bench->table, &settings);
	assert_false(connects(trust));
	assert_string_equal(bench->told_path, path);
	assert_string_equal(bench->told_why, strerror(ENOENT));
	/* Once, as long as nothing changes. */
	origin_trust_look(bench->table);
	assert_int_equal(bench->told, 1);

	static const struct {
		struct str content;
		const char *why;
	} ROWS[] = {
	        {{"", 0}, "is empty"},
	        {{"rubbish", 7}, "has no certificate"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		write_file(bench, "ca", ROWS[i].content);
		origin_trust_look(bench->table);
		assert_string_equal(bench->told_why, ROWS[i].why);
		assert_false(connects(trust));
	}
	char *large = mem_zero(LIMIT_TLS_FILE_BYTES + 1);
	write_file(bench, "ca", str_make(large, LIMIT_TLS_FILE_BYTES + 1));
	mem_free(large);
	origin_trust_look(bench->table);
	assert_string_equal(bench->told_why, "is too large");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	origin_trust_look(bench->table);
	assert_string_equal(bench->told_why, "is no regular file");
	assert_int_equal(unlink(path), 0);

	unsigned version = origin_trust_version(trust);
	write_file(bench, "ca", text_str(&bench->authority));
	origin_trust_look(bench->table);
	assert_string_equal(bench->told_why, "fine");
	assert_true(connects(trust));
	assert_int_equal(origin_trust_version(trust), version + 1);
	origin_trust_unref(trust);
}

static void what_was_read_stays_in_use_until_there_is_better(void **state)
{
	struct bench *bench = *state;
	write_file(bench, "ca", text_str(&bench->authority));
	struct model_tls settings = {.verify = true, .ca = path_of(bench, "ca")};
	struct origin_trust *trust = origin_trust_get(bench->table, &settings);
	assert_int_equal(bench->told, 0);
	unsigned version = origin_trust_version(trust);
	origin_trust_look(bench->table);
	assert_int_equal(origin_trust_version(trust), version);

	write_file(bench, "ca", STR("rubbish"));
	origin_trust_look(bench->table);
	assert_string_equal(bench->told_why, "has no certificate");
	assert_int_equal(origin_trust_version(trust), version);
	assert_true(connects(trust));

	write_file(bench, "ca", text_str(&bench->other_authority));
	origin_trust_look(bench->table);
	assert_int_equal(origin_trust_version(trust), version + 1);
	origin_trust_unref(trust);
}

/* By itself, on its loop. */
static void changes_are_noticed(void **state)
{
	struct bench *bench = *state;
	write_file(bench, "ca", text_str(&bench->authority));
	struct model_tls settings = {.verify = true, .ca = path_of(bench, "ca")};
	struct origin_trust *trust = origin_trust_get(bench->table, &settings);
	unsigned version = origin_trust_version(trust);
	write_file(bench, "ca", text_str(&bench->other_authority));
	STAND_UNTIL(bench->loop, origin_trust_version(trust) == version + 1);
	origin_trust_unref(trust);
}

struct racer {
	struct bench *bench;
	const struct model_tls *settings;
	atomic_bool *is_over;
	unsigned rounds;
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	while (!atomic_load(racer->is_over)) {
		struct origin_trust *trust = origin_trust_get(racer->bench->table, racer->settings);
		assert_true(connects(trust));
		(void)origin_trust_version(trust);
		origin_trust_unref(trust);
		racer->rounds++;
	}
	return NULL;
}

/* Workers come and go while the steward reads files that change. */
static void any_thread_may_use_a_trust_at_any_time(void **state)
{
	struct bench *bench = *state;
	write_file(bench, "ca", text_str(&bench->authority));
	struct model_tls settings = {.verify = true, .ca = path_of(bench, "ca")};
	atomic_bool is_over = false;
	struct racer racers[3];
	pthread_t threads[ARRAY_LENGTH(racers)];
	for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
		racers[i] = (struct racer){bench, &settings, &is_over, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (unsigned i = 0; i < 20; i++) {
		write_file(
		        bench, "ca", text_str(i % 2 ? &bench->authority : &bench->other_authority));
		origin_trust_look(bench->table);
		usleep(1000);
	}
	atomic_store(&is_over, true);
	for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
		pthread_join(threads[i], NULL);
		assert_true(racers[i].rounds > 0);
	}
}

static struct model_snapshot *snapshot_of(struct model_domain **domains, size_t count)
{
	struct model_change changes[4];
	struct model_snapshot *empty = model_snapshot_new();
	for (size_t i = 0; i < count; i++)
		changes[i] = (struct model_change){domains[i]->name, domains[i]};
	struct model_snapshot *snapshot = model_snapshot_with(empty, changes, count, 1);
	model_snapshot_unref(empty);
	return snapshot;
}

static void the_files_of_a_snapshot_are_read_before_anybody_asks(void **state)
{
	struct bench *bench = *state;
	struct model_domain *domains[] = {
	        stand_domain("a.test", "192.0.2.1", NULL),
	        stand_domain("b.test", "192.0.2.1", "192.0.2.2"),
	        stand_domain("c.test", "192.0.2.1", NULL),
	        stand_domain("off.test", "192.0.2.1", NULL),
	};
	domains[0]->origin.protocol = MODEL_HTTPS;
	domains[0]->origin.tls.ca = path_of(bench, "one");
	domains[1]->backup->protocol = MODEL_FOLLOW;
	domains[1]->backup->tls.ca = path_of(bench, "two");
	domains[2]->origin.tls.ca = path_of(bench, "http");
	domains[3]->origin.protocol = MODEL_HTTPS;
	domains[3]->origin.tls.ca = path_of(bench, "off");
	domains[3]->status = MODEL_OFFLINE;
	struct model_snapshot *snapshot = snapshot_of(domains, ARRAY_LENGTH(domains));
	origin_trust_set_snapshot(bench->table, snapshot);
	assert_int_equal(bench->told, 2);
	/* Whoever gets one finds it read; and the same again reads nothing. */
	struct origin_trust *trust = origin_trust_get(bench->table, &domains[0]->origin.tls);
	origin_trust_set_snapshot(bench->table, snapshot);
	assert_int_equal(bench->told, 2);
	write_file(bench, "one", text_str(&bench->authority));
	origin_trust_set_snapshot(bench->table, snapshot);
	assert_true(connects(trust));
	/* It stays with who has it, when no origin needs it any more. */
	origin_trust_set_snapshot(bench->table, NULL);
	assert_true(connects(trust));
	struct origin_trust *again = origin_trust_ref(trust);
	origin_trust_unref(trust);
	origin_trust_unref(again);
	model_snapshot_unref(snapshot);
	for (size_t i = 0; i < ARRAY_LENGTH(domains); i++)
		model_domain_unref(domains[i]);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_decides_about_verification_tells_trusts_apart,
	                open_bench, close_bench),
	        cmocka_unit_test_setup_teardown(
	                a_file_that_is_wrong_is_told_and_tried_again, open_bench, close_bench),
	        cmocka_unit_test_setup_teardown(
	                what_was_read_stays_in_use_until_there_is_better, open_bench, close_bench),
	        cmocka_unit_test_setup_teardown(changes_are_noticed, open_bench, close_bench),
	        cmocka_unit_test_setup_teardown(
	                any_thread_may_use_a_trust_at_any_time, open_bench, close_bench),
	        cmocka_unit_test_setup_teardown(
	                the_files_of_a_snapshot_are_read_before_anybody_asks, open_bench,
	                close_bench),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
