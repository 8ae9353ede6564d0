/* fuzz: model - what is read as an origin's address prints and reads again as the same one */
#include "model/read.h"
#include "model/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_domain *domain = model_domain_new();
	struct model_address address, again;
	struct model_why why = {0};
	struct text printed = {0};
	if (model_read_address(domain, str_make((const char *)data, size), &address, &why)) {
		CHECK(address.weight <= 100 && strlen(address.host) <= LIMIT_HOST_BYTES);
		model_value_print_address(&address, &printed);
		CHECK(model_read_address(domain, text_str(&printed), &again, &why));
		CHECK(strcmp(address.host, again.host) == 0 && address.port == again.port);
		CHECK(address.weight == again.weight && address.is_ip == again.is_ip);
		CHECK(address_is_equal(&address.ip, &again.ip));
	} else {
		CHECK(why.rule != NULL && why.words != NULL);
	}
	text_done(&printed);
	model_domain_unref(domain);
	return 0;
}
