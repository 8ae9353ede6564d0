/* Written in one go; a reader of structured fields must find one item with its parameters. */
#include "http/cache_status.h"

#include "http/structured.h"

static struct str reason_of(enum http_cache_forward forward)
{
	switch (forward) {
	case HTTP_CACHE_FORWARD_HIT:
		break;
	case HTTP_CACHE_FORWARD_BYPASS:
		return STR("bypass");
	case HTTP_CACHE_FORWARD_METHOD:
		return STR("method");
	case HTTP_CACHE_FORWARD_URI_MISS:
		return STR("uri-miss");
	case HTTP_CACHE_FORWARD_VARY_MISS:
		return STR("vary-miss");
	case HTTP_CACHE_FORWARD_MISS:
		return STR("miss");
	case HTTP_CACHE_FORWARD_REQUEST:
		return STR("request");
	case HTTP_CACHE_FORWARD_STALE:
		return STR("stale");
	case HTTP_CACHE_FORWARD_PARTIAL:
		return STR("partial");
	}
	return STR_EMPTY;
}

void http_cache_status_write_value(
        struct http_writer *writer, struct str name, const struct http_cache_status *status)
{
	http_structured_write(writer, name);
	if (status->forward == HTTP_CACHE_FORWARD_HIT) {
		http_write(writer, STR("; hit"));
	} else {
		http_write(writer, STR("; fwd="));
		http_write(writer, reason_of(status->forward));
		if (status->forward_status != 0) {
			http_write(writer, STR("; fwd-status="));
			http_write_u64(writer, status->forward_status);
		}
		if (status->is_stored)
			http_write(writer, STR("; stored"));
		if (status->is_collapsed)
			http_write(writer, STR("; collapsed"));
	}
	if (status->has_ttl) {
		uint64_t ttl_s = (uint64_t)status->ttl_s;
		http_write(writer, status->ttl_s < 0 ? STR("; ttl=-") : STR("; ttl="));
		http_write_u64(writer, status->ttl_s < 0 ? -ttl_s : ttl_s);
	}
	if (status->detail.len > 0) {
		http_write(writer, STR("; detail="));
		http_structured_write(writer, status->detail);
	}
}

void http_cache_status_write(
        struct http_writer *writer, struct str name, const struct http_cache_status *status)
{
	http_write(writer, STR("Cache-Status: "));
	http_cache_status_write_value(writer, name, status);
	http_write(writer, STR("\r\n"));
}
