/* Look-ups against a small name server on the same loop, over UDP and TCP. */
#include "net/dns.h"

#include "base/check.h"
#include "net/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { A = 1, CNAME = 5, AAAA = 28, QUIET = 1000, MESSAGE_MAX = 4096 };

/* What the server knows. A name that is not here does not exist; one with QUIET gets no answer, one
 * with `tcp_only` is truncated over UDP. */
static const struct record {
	const char *name;
	unsigned type;
	const char *value; /* NULL: the name exists without such a record */
	unsigned ttl_s;
	bool tcp_only;
} RECORD[] = {
        {"both.test", A, "192.0.2.2", 300, false},
        {"both.test", A, "192.0.2.1", 200, false},
        {"both.test", AAAA, "2001:db8::1", 250, false},
        {"v4.test", A, "192.0.2.7", 60, false},
        {"v4.test", AAAA, NULL, 0, false},
        {"alias.test", CNAME, "v4.test", 5, false},
        {"silent.test", QUIET, NULL, 0, false},
        {"large.test", A, "192.0.2.9", 30, true},
        {"nowhere.test", A, "0.0.0.0", 30, false},
        {"nowhere.test", AAAA, "::", 30, false},
};

/* The server: a UDP socket and a TCP listener on one port. */
static struct server {
	struct loop_fd udp, tcp;
	struct loop_fd connection;
	unsigned queries;
} server;

static struct loop *loop;
static struct dns *dns;

struct lookup {
	struct dns_query query;
	unsigned calls;
	struct dns_query *cancels;
};

static void note_answer(struct dns_query *query)
{
	struct lookup *lookup = container_of(query, struct lookup, query);
	lookup->calls++;
	if (lookup->cancels != NULL)
		dns_cancel(lookup->cancels);
}

static struct lookup new_lookup(void)
{
	return (struct lookup){.query = {.on_done = note_answer}};
}

/* Adds a number of `count` bytes in network order. */
static uint8_t *put(uint8_t *to, unsigned value, int count)
{
	for (int i = count - 1; i >= 0; i--)
		*to++ = (uint8_t)(value >> (8 * i));
	return to;
}

/* Adds "a.b" as labels. */
static uint8_t *put_name(uint8_t *to, const char *name)
{
	struct str rest = str_of(name);
	while (rest.at != NULL) {
		struct str label = str_cut(&rest, '.');
		*to++ = (uint8_t)label.len;
		memcpy(to, label.at, label.len);
		to += label.len;
	}
	*to++ = 0;
	return to;
}

/* Reads labels as "a.b"; returns what is behind them. */
static const uint8_t *get_name(const uint8_t *from, char *to)
{
	while (*from != 0) {
		memcpy(to, from + 1, *from);
		to += *from;
		from += *from + 1;
		*to++ = *from != 0 ? '.' : '\0';
	}
	return from + 1;
}

static uint8_t *put_record(uint8_t *to, const char *name, const struct record *record)
{
	to = put_name(to, name);
	to = put(put(put(to, record->type, 2), 1, 2), record->ttl_s, 4);
	struct address address;
	if (record->type == CNAME) {
		uint8_t *end = put_name(to + 2, record->value);
		put(to, (unsigned)(end - to - 2), 2);
		return end;
	}
	assert_true(address_parse_ip(str_of(record->value), 0, &address));
	unsigned length = record->type == A ? 4 : 16;
	to = put(to, length, 2);
	memcpy(to, address.ip + 16 - length, length);
	return to + length;
}

/* Writes the response to a query; returns its length, 0 for none. */
static size_t respond(const uint8_t *query, bool over_tcp, uint8_t *to)
{
	char name[256];
	const uint8_t *behind = get_name(query + 12, name);
	unsigned type = (unsigned)(behind[0] << 8 | behind[1]);
	size_t head = (size_t)(behind + 4 - query);
	memcpy(to, query, head);
	uint8_t *end = to + head;
	unsigned answers = 0, flags = 0x8580;
	bool exists = false;
	const char *wanted = name;
	server.queries++;
	for (size_t i = 0; i < ARRAY_LENGTH(RECORD); i++) {
		const struct record *record = &RECORD[i];
		if (strcmp(record->name, wanted) != 0)
			continue;
		exists = true;
		if (record->type == QUIET)
			return 0;
		if (record->tcp_only && !over_tcp)
			flags |= 0x0200;
		if ((record->type != type && record->type != CNAME) || record->value == NULL)
			continue;
		end = put_record(end, wanted, record);
		answers++;
		if (record->type == CNAME) {
			wanted = record->value;
			i = (size_t)-1;
		}
	}
	if (!exists)
		flags |= 3;
	put(to + 2, flags, 2);
	put(put(put(put(to + 4, 1, 2), answers, 2), 0, 2), 0, 2);
	return (size_t)(end - to);
}

static void answer_udp(struct loop_fd *self, unsigned events)
{
	(void)events;
	uint8_t query[MESSAGE_MAX], response[MESSAGE_MAX];
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t got =
	        recvfrom(self->fd, query, sizeof(query), 0, (struct sockaddr *)&from, &length);
	if (got < 12)
		return;
	size_t size = respond(query, false, response);
	if (size != 0)
		sendto(self->fd, response, size, 0, (struct sockaddr *)&from, length);
}

static void close_connection(void)
{
	loop_remove(loop, &server.connection);
	if (server.connection.fd >= 0)
		close(server.connection.fd);
	server.connection.fd = -1;
}

/* Answers all queries that came, byte by byte, so that the resolver must put them together. */
static void answer_tcp(struct loop_fd *self, unsigned events)
{
	(void)events;
	uint8_t bytes[MESSAGE_MAX], response[MESSAGE_MAX];
	ssize_t got = recv(self->fd, bytes, sizeof(bytes), 0);
	if (got <= 0) {
		close_connection();
		return;
	}
	for (ssize_t at = 0; at + 2 < got; at += 2 + (bytes[at] << 8 | bytes[at + 1])) {
		size_t size = respond(bytes + at + 2, true, response + 2);
		put(response, (unsigned)size, 2);
		for (size_t i = 0; i < size + 2; i++)
			assert_int_equal(send(self->fd, response + i, 1, MSG_NOSIGNAL), 1);
	}
}

static void accept_tcp(struct loop_fd *self, unsigned events)
{
	(void)events;
	struct address peer;
	int fd = tcp_accept(self->fd, &peer);
	if (fd < 0)
		return;
	close_connection();
	server.connection = (struct loop_fd){.fd = fd, .on_ready = answer_tcp};
	assert_true(loop_add_level(loop, &server.connection));
}

static int begin(void **state)
{
	(void)state;
	struct address address;
	char text[ADDRESS_TEXT_BYTES];
	union address_sockaddr sockaddr;
	loop = loop_new();
	assert_non_null(loop);
	assert_true(address_parse(STR("127.0.0.1:0"), &address));
	server = (struct server){.connection.fd = -1};
	server.tcp = (struct loop_fd){.fd = tcp_listen(&address, 4), .on_ready = accept_tcp};
	assert_true(server.tcp.fd >= 0);
	assert_true(tcp_local_address(server.tcp.fd, &address));
	server.udp = (struct loop_fd){
	        .fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), .on_ready = answer_udp};
	socklen_t length = address_to_sockaddr(&address, &sockaddr);
	assert_int_equal(bind(server.udp.fd, &sockaddr.any, length), 0);
	assert_true(loop_add_level(loop, &server.tcp) && loop_add_level(loop, &server.udp));
	dns = dns_new(loop, address_format(&address, text));
	assert_non_null(dns);
	return 0;
}

static int end(void **state)
{
	(void)state;
	dns_free(dns);
	close_connection();
	loop_remove(loop, &server.tcp);
	loop_remove(loop, &server.udp);
	close(server.tcp.fd);
	close(server.udp.fd);
	loop_free(loop);
	return 0;
}

static void run(struct lookup *lookup, const char *name)
{
	*lookup = new_lookup();
	dns_lookup(dns, &lookup->query, str_of(name));
	assert_int_equal(lookup->calls, 0);
	while (lookup->calls == 0)
		loop_turn(loop, 5000);
	assert_int_equal(lookup->calls, 1);
	assert_null(lookup->query.call);
}

static void names_have_all_their_addresses_in_order_and_the_smallest_ttl(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *addresses[4];
		unsigned ttl_s;
	} ROW[] = {
	        {"both.test", {"192.0.2.1", "192.0.2.2", "2001:db8::1"}, 200},
	        {"v4.test", {"192.0.2.7"}, 60},
	        {"alias.test", {"192.0.2.7"}, 5},
	        {"large.test", {"192.0.2.9"}, 30},
	        {"203.0.113.5", {"203.0.113.5"}, 0},
	        {"2001:db8::5", {"2001:db8::5"}, 0},
	        {"missing.test", {NULL}, 0},
	        {"nowhere.test", {NULL}, 30},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct lookup lookup;
		run(&lookup, ROW[i].name);
		assert_int_equal(lookup.query.failed, ROW[i].addresses[0] == NULL);
		assert_int_equal(lookup.query.ttl_s, ROW[i].ttl_s);
		for (unsigned k = 0; k < lookup.query.count; k++) {
			char text[ADDRESS_TEXT_BYTES];
			assert_non_null(ROW[i].addresses[k]);
			address_format_ip(&lookup.query.addresses[k], text);
			assert_string_equal(text, ROW[i].addresses[k]);
			assert_int_equal(lookup.query.addresses[k].port, 0);
		}
		assert_null(ROW[i].addresses[lookup.query.count]);
	}
}

static void the_hosts_file_is_looked_at(void **state)
{
	(void)state;
	struct lookup lookup;
	run(&lookup, "localhost");
	assert_false(lookup.query.failed);
	assert_true(lookup.query.count >= 1);
	assert_int_equal(server.queries, 0);
}

static void bad_names_fail(void **state)
{
	(void)state;
	struct lookup lookup;
	char name[LIMIT_HOST_BYTES + 2];
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	static const char *const ROW[] = {"", "a..b", "."};
	run(&lookup, name);
	assert_true(lookup.query.failed);
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		run(&lookup, ROW[i]);
		assert_true(lookup.query.failed);
	}
}

static void a_query_may_be_used_again(void **state)
{
	(void)state;
	struct lookup lookup;
	run(&lookup, "both.test");
	dns_lookup(dns, &lookup.query, STR("missing.test"));
	while (lookup.calls == 1)
		loop_turn(loop, 5000);
	assert_true(lookup.query.failed);
	assert_int_equal(lookup.query.count, 0);
}

static void a_cancelled_query_never_calls_back(void **state)
{
	(void)state;
	/* At once, after its packets went out, and when its answer waits to be delivered. */
	for (int turns = 0; turns < 4; turns++) {
		struct lookup lookup = new_lookup(), other = new_lookup();
		dns_lookup(dns, &lookup.query, STR("both.test"));
		dns_lookup(dns, &other.query, STR("v4.test"));
		for (int i = 0; i < turns && lookup.calls == 0; i++)
			loop_turn(loop, 100);
		unsigned calls = lookup.calls;
		dns_cancel(&lookup.query);
		dns_cancel(&lookup.query);
		while (other.calls == 0)
			loop_turn(loop, 5000);
		loop_turn(loop, 20);
		assert_int_equal(lookup.calls, calls);
		assert_int_equal(other.calls, 1);
	}
}

static void a_callback_may_cancel_another_query_that_is_answered(void **state)
{
	(void)state;
	struct lookup first = new_lookup(), second = new_lookup();
	first.cancels = &second.query;
	/* Both are answered at once, so both deliveries wait for the same turn. */
	dns_lookup(dns, &first.query, STR("203.0.113.1"));
	dns_lookup(dns, &second.query, STR("203.0.113.2"));
	loop_turn(loop, 100);
	loop_turn(loop, 0);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
}

static void the_end_of_the_resolver_gives_up_what_runs(void **state)
{
	(void)state;
	struct lookup running = new_lookup(), answered = new_lookup(), cancelled = new_lookup();
	dns_lookup(dns, &running.query, STR("silent.test"));
	dns_lookup(dns, &cancelled.query, STR("silent.test"));
	dns_cancel(&cancelled.query);
	loop_turn(loop, 20);
	dns_lookup(dns, &answered.query, STR("203.0.113.1"));
	dns_free(dns);
	dns = NULL;
	loop_turn(loop, 20);
	assert_int_equal(running.calls + answered.calls + cancelled.calls, 0);
	assert_null(running.query.call);
	assert_null(answered.query.call);
}

static void silence_is_asked_again_and_ends_as_a_failure(void **state)
{
	(void)state;
	struct lookup lookup;
	uint64_t before = loop_now_ms(loop);
	run(&lookup, "silent.test");
	assert_true(lookup.query.failed);
	/* Three tries for each of two types. */
	assert_int_equal(server.queries, 6);
	assert_in_range(loop_now_ms(loop) - before, 3000, 15000);
}

static void bad_servers_are_refused(void **state)
{
	(void)state;
	assert_null(dns_new(loop, "not an address"));
}

static void the_machines_own_configuration_is_taken_without_servers(void **state)
{
	(void)state;
	struct dns *own = dns_new(loop, NULL);
	assert_non_null(own);
	dns_free(own);
	dns_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                names_have_all_their_addresses_in_order_and_the_smallest_ttl, begin, end),
	        cmocka_unit_test_setup_teardown(the_hosts_file_is_looked_at, begin, end),
	        cmocka_unit_test_setup_teardown(bad_names_fail, begin, end),
	        cmocka_unit_test_setup_teardown(a_query_may_be_used_again, begin, end),
	        cmocka_unit_test_setup_teardown(a_cancelled_query_never_calls_back, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_callback_may_cancel_another_query_that_is_answered, begin, end),
	        cmocka_unit_test_setup_teardown(
	                the_end_of_the_resolver_gives_up_what_runs, begin, end),
	        cmocka_unit_test_setup_teardown(
	                silence_is_asked_again_and_ends_as_a_failure, begin, end),
	        cmocka_unit_test_setup_teardown(bad_servers_are_refused, begin, end),
	        cmocka_unit_test_setup_teardown(
	                the_machines_own_configuration_is_taken_without_servers, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
