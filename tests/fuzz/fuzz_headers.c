/* fuzz: model http - what is read as rules for header fields prints and reads again as the same
 * ones, and ends no line */
#include "http/name.h"
#include "model/headers.h"
#include "model/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rules(const struct model_headers *headers)
{
	size_t bytes = 0;
	CHECK(headers->count > 0 && headers->count <= LIMIT_HEADERS);
	for (unsigned i = 0; i < headers->count; i++) {
		const struct model_header *rule = &headers->list[i];
		struct str name = str_make(rule->name, rule->name_len);
		CHECK(http_name_is_valid(name) && strlen(rule->name) == rule->name_len);
		CHECK(rule->id == http_name_of(name));
		CHECK(rule->id != HTTP_NAME_HOST && rule->id != HTTP_NAME_CONTENT_LENGTH);
		CHECK(rule->id != HTTP_NAME_TRANSFER_ENCODING && rule->id != HTTP_NAME_CONNECTION);
		CHECK((rule->value == NULL) == (rule->action == MODEL_HEADER_DELETE));
		bytes += rule->name_len + 2U + rule->value_len + 2U;
		if (rule->value == NULL)
			continue;
		CHECK(rule->value_len > 0 && strlen(rule->value) == rule->value_len);
		for (unsigned j = 0; j < rule->value_len; j++)
			CHECK(rule->value[j] >= ' ' && rule->value[j] <= '~');
	}
	CHECK(bytes == headers->bytes && bytes <= LIMIT_HEADERS_BYTES);
}

static void check(const struct model_field *field, struct str text)
{
	struct model_domain *domain = model_domain_new(), *again = model_domain_new();
	struct model_why why = {0};
	struct text printed = {0};
	if (model_list_read(field, domain, text, &why)) {
		const void *member = model_field_member_const(field, domain);
		const struct model_headers *headers = *(const struct model_headers *const *)member;
		if (headers != NULL)
			check_rules(headers);
		model_list_print(field, member, &printed);
		CHECK(model_list_read(field, again, text_str(&printed), &why));
		CHECK(model_list_is_equal(field, member, model_field_member_const(field, again)));
	} else {
		CHECK(why.rule != NULL && why.words != NULL);
	}
	text_done(&printed);
	model_domain_unref(again);
	model_domain_unref(domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	check(model_field_find(STR("headers.to_origin")), text);
	check(model_field_find(STR("headers.to_client")), text);
	return 0;
}
