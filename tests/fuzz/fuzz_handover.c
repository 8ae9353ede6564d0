/* fuzz: main - what is read as a handover prints, and reads again as the same one */
#include "main/handover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handover handover, again;
	struct text first = {0}, second = {0};
	if (!handover_parse(str_make((const char *)data, size), &handover))
		return 0;
	handover_print(&handover, &first);
	CHECK(handover_parse(text_str(&first), &again));
	handover_print(&again, &second);
	CHECK(str_is_equal(text_str(&first), text_str(&second)));
	text_done(&first);
	text_done(&second);
	handover_forget(&handover);
	handover_forget(&again);
	return 0;
}
