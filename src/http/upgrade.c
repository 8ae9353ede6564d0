/*
 * The members of Upgrade are compared whole, "name/version" too: a protocol with a version is
 * another one than that without.
 */
#include "http/upgrade.h"

static int index_of(struct str member, const char *const *protocols, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (str_is_equal_nocase(member, str_of(protocols[i])))
			return (int)i;
	return -1;
}

static bool is_named_by_connection(const struct http_head *head)
{
	return http_head_has_token(head, HTTP_NAME_CONNECTION, STR("upgrade"));
}

int http_upgrade_choose(const struct http_head *head, const char *const *protocols, unsigned count)
{
	if (count == 0 || head->minor == 0 || !http_head_has(head, HTTP_NAME_UPGRADE) ||
	        !is_named_by_connection(head))
		return -1;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_UPGRADE)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]), member;
		while (http_head_next_member(&rest, &member)) {
			int index = index_of(member, protocols, count);
			if (index >= 0)
				return index;
		}
	}
	return -1;
}

bool http_upgrade_is_answer(const struct http_head *head, struct str protocol)
{
	if (head->status != 101 || head->minor == 0 || protocol.len == 0 ||
	        http_head_has(head, HTTP_NAME_TRANSFER_ENCODING) ||
	        http_head_has(head, HTTP_NAME_CONTENT_LENGTH))
		return false;
	return http_head_count(head, HTTP_NAME_UPGRADE) == 1 && is_named_by_connection(head) &&
	       str_is_equal_nocase(http_head_get(head, HTTP_NAME_UPGRADE), protocol);
}
