/* Keys of tickets: which there are at what time, for whom. */
#include "net/tls_tickets.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { HOUR = 3600 };

static const int64_t NOON = 1796040000; /* in the middle of a span */

static struct {
	int fd;
	struct tls_tickets *writer, *reader;
} page;

static int open_page(void **state)
{
	(void)state;
	page.fd = tls_tickets_open();
	page.writer = tls_tickets_map(page.fd, true);
	page.reader = tls_tickets_map(page.fd, false);
	assert_non_null(page.writer);
	assert_non_null(page.reader);
	return 0;
}

static int close_page(void **state)
{
	(void)state;
	tls_tickets_unmap(page.writer);
	tls_tickets_unmap(page.reader);
	close(page.fd);
	return 0;
}

static void there_are_none_before_they_are_made(void **state)
{
	(void)state;
	struct tls_ticket_key key;
	bool is_old;
	unsigned char nobody[TLS_TICKETS_NAME_BYTES] = {0};
	assert_false(tls_tickets_current(page.reader, NOON, &key));
	assert_false(tls_tickets_find(page.reader, NOON, nobody, &key, &is_old));
	tls_tickets_rotate(page.writer, NOON);
	assert_false(tls_tickets_find(page.reader, NOON, nobody, &key, &is_old));
}

static void a_key_serves_for_a_span_and_opens_for_a_day(void **state)
{
	(void)state;
	struct tls_ticket_key first, key;
	bool is_old;
	int64_t next = tls_tickets_rotate(page.writer, NOON);
	assert_true(next > NOON && next <= NOON + TLS_TICKETS_SPAN_S);
	assert_true(tls_tickets_current(page.reader, NOON, &first));
	assert_true(tls_tickets_find(page.reader, NOON, first.name, &key, &is_old));
	assert_memory_equal(&key, &first, sizeof(key));
	assert_false(is_old);
	/* The next one is there before its time. */
	assert_true(tls_tickets_current(page.reader, next, &key));
	assert_memory_not_equal(key.name, first.name, sizeof(key.name));
	assert_memory_not_equal(key.cipher_key, first.cipher_key, sizeof(key.cipher_key));
	for (int64_t now = next; now < next + 30 * HOUR; now += HOUR) {
		struct tls_ticket_key before;
		assert_true(tls_tickets_current(page.reader, now, &before));
		assert_true(tls_tickets_rotate(page.writer, now) > now);
		assert_true(tls_tickets_current(page.reader, now, &key));
		assert_memory_equal(&key, &before, sizeof(key));
		bool is_kept = now < next + TLS_TICKETS_KEPT_S;
		assert_int_equal(
		        tls_tickets_find(page.reader, now, first.name, &key, &is_old), is_kept);
		assert_true(!is_kept || is_old);
	}
	assert_null(memmem(page.reader, sizeof(*page.reader), first.cipher_key, 32));
}

static void a_writer_that_is_late_does_no_harm(void **state)
{
	(void)state;
	struct tls_ticket_key key, later;
	bool is_old;
	int64_t next = tls_tickets_rotate(page.writer, NOON);
	assert_true(tls_tickets_current(page.reader, next + TLS_TICKETS_SPAN_S + HOUR, &key));
	assert_true(tls_tickets_find(
	        page.reader, next + TLS_TICKETS_SPAN_S + HOUR, key.name, &later, &is_old));
	assert_true(is_old);
	/* A clock that was put back, or far ahead. */
	tls_tickets_rotate(page.writer, NOON - 1000 * HOUR);
	assert_true(tls_tickets_current(page.reader, NOON - 1000 * HOUR, &key));
	assert_false(tls_tickets_find(page.reader, NOON, key.name, &later, &is_old));
	tls_tickets_rotate(page.writer, NOON + 100000 * HOUR);
	assert_true(tls_tickets_current(page.reader, NOON + 100000 * HOUR, &key));
}

/* A reader that comes while keys are written has none, and waits for nobody for ever. */
static void half_a_key_is_never_read(void **state)
{
	(void)state;
	struct tls_ticket_key key;
	tls_tickets_rotate(page.writer, NOON);
	atomic_fetch_add(&page.writer->turn, 1);
	assert_false(tls_tickets_current(page.reader, NOON, &key));
	/* Its writer died: the next one goes on. */
	tls_tickets_rotate(page.writer, NOON);
	assert_true(tls_tickets_current(page.reader, NOON, &key));
}

static void another_file_is_no_page(void **state)
{
	(void)state;
	int fd = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_null(tls_tickets_map(fd, false));
	close(fd);
	assert_null(tls_tickets_map(-1, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                there_are_none_before_they_are_made, open_page, close_page),
	        cmocka_unit_test_setup_teardown(
	                a_key_serves_for_a_span_and_opens_for_a_day, open_page, close_page),
	        cmocka_unit_test_setup_teardown(
	                a_writer_that_is_late_does_no_harm, open_page, close_page),
	        cmocka_unit_test_setup_teardown(half_a_key_is_never_read, open_page, close_page),
	        cmocka_unit_test(another_file_is_no_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
