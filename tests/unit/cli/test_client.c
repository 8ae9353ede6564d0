/* Parts of URLs; what nobody answers. The rest needs a server: tests/functional/test_cli_client.py
 */
#include "cli/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void parts_have_no_characters_of_others(void **state)
{
	(void)state;
	static const struct {
		struct str part;
		const char *added;
	} ROWS[] = {
	        {{"a.example", 9}, "a.example"},
	        {{"*.b_c~", 6}, "*.b_c~"},
	        {{"../x", 4}, "..%2Fx"},
	        {{"a b?c#d&e=f%", 12}, "a%20b%3Fc%23d%26e%3Df%25"},
	        {{"\xc3\xa4\r\n\0", 5}, "%C3%A4%0D%0A%00"},
	        {{"", 0}, ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text text = {0};
		cli_client_add_part(&text, ROWS[i].part);
		assert_string_equal(text_c(&text), ROWS[i].added);
		text_done(&text);
	}
}

static void who_does_not_listen_does_not_answer(void **state)
{
	(void)state;
	struct sockaddr_in address = {
	        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	char api[64];
	struct cli_answer answer = {0};
	struct text why = {0};
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, so that nobody else listens there */
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	snprintf(api, sizeof(api), "http://127.0.0.1:%d", ntohs(address.sin_port));
	struct cli_client *client = cli_client_new(api, STR("t"), &why);
	assert_non_null(client);
	assert_false(cli_client_ask(
	        client, &(struct cli_request){.method = "GET", .path = "/status"}, &answer, &why));
	assert_true(str_has_prefix(text_str(&why), STR("no answer from http://127.0.0.1:")));
	cli_client_free(client);
	text_done(&why);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(parts_have_no_characters_of_others),
	        cmocka_unit_test(who_does_not_listen_does_not_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
