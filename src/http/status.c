/*
 * The table of status.def, by code.
 */
#include "http/status.h"

struct str http_status_reason(unsigned status)
{
	switch (status) {
#define HTTP_STATUS(code, reason)                                                                  \
	case code:                                                                                 \
		return STR(reason);
#include "http/status.def"
#undef HTTP_STATUS
	default:
		return STR("Unknown");
	}
}

bool http_status_is_bodiless(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}
