/*
 * The members of a list are looked at one after the other; the last one about a coding counts, and
 * "*" is about those that no other is about.
 */
#include "http/accept.h"

enum { DIGITS = 3 /* of a weight, at most */ };

/* "0.75" (RFC 9110 section 12.4.2), in thousandths; false for what is none. */
static bool read_weight(struct str text, unsigned *ret_weight)
{
	unsigned weight = 0;
	if (text.len == 0 || text.len > 2 + DIGITS || (text.at[0] != '0' && text.at[0] != '1') ||
	        (text.len > 1 && text.at[1] != '.'))
		return false;
	for (size_t i = 2; i < 2 + DIGITS; i++) {
		char digit = i < text.len ? text.at[i] : '0';
		if (digit < '0' || digit > '9')
			return false;
		weight = weight * 10 + (unsigned)(digit - '0');
	}
	weight += text.at[0] == '1' ? HTTP_ACCEPT_MOST : 0;
	if (weight > HTTP_ACCEPT_MOST)
		return false;
	*ret_weight = weight;
	return true;
}

/* "gzip;q=0.5" */
static bool read_member(struct str member, struct str *ret_coding, unsigned *ret_weight)
{
	struct str coding = str_trim(str_cut(&member, ';'));
	unsigned weight = HTTP_ACCEPT_MOST;
	if (coding.len == 0)
		return false;
	/* str_cut leaves NULL where there was no semicolon. */
	if (member.at != NULL) {
		struct str value = str_trim(member), name = str_cut(&value, '=');
		if (!str_is_equal_nocase(name, STR("q")) || !read_weight(value, &weight))
			return false;
	}
	*ret_coding = coding;
	*ret_weight = weight;
	return true;
}

unsigned http_accept_coding(const struct http_head *head, struct str coding)
{
	bool is_told = false;
	unsigned told = 0, others = str_is_equal(coding, STR("identity")) ? 1 : 0;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_ACCEPT_ENCODING)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]);
		while (rest.len != 0) {
			struct str member = str_cut(&rest, ','), name;
			unsigned weight;
			if (!read_member(member, &name, &weight))
				continue;
			if (str_is_equal_nocase(name, coding)) {
				is_told = true;
				told = weight;
			} else if (str_is_equal(name, STR("*"))) {
				others = weight;
			}
		}
	}
	return is_told ? told : others;
}
