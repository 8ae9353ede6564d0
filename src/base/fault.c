/*
 * The fault table, made from fault.def.
 */
#include "base/fault.h"

#include "base/check.h"

static const struct fault_info TABLE[FAULT_COUNT] = {
#define FAULT(id, text, side_id, retry_id, code, sentence)                                         \
	[FAULT_##id] = {.name = (text),                                                            \
	        .words = (sentence),                                                               \
	        .side = FAULT_SIDE_##side_id,                                                      \
	        .retry = FAULT_RETRY_##retry_id,                                                   \
	        .status = (code)},
#include "base/fault.def"
#undef FAULT
};

const struct fault_info *fault_info(enum fault fault)
{
	CHECK((unsigned)fault < FAULT_COUNT);
	return &TABLE[fault];
}

const char *fault_name(enum fault fault)
{
	return fault_info(fault)->name;
}
