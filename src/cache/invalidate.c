/* An error says that nothing was done, so nothing is removed; everything else may have changed it.
 */
#include "cache/invalidate.h"

#include "http/method.h"

unsigned cache_invalidate_targets(enum http_method method, const struct http_reference_base *base,
        const struct http_head *response, struct arena *arena,
        struct str ret_targets[CACHE_INVALIDATE_MAX])
{
	static const enum http_name fields[] = {HTTP_NAME_LOCATION, HTTP_NAME_CONTENT_LOCATION};
	unsigned count = 0;
	if (http_method_is_safe(method) || response->status < 200 || response->status > 399)
		return 0;
	ret_targets[count++] = base->path;
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		struct str target;
		if (http_head_has(response, fields[i]) &&
		        http_reference_resolve(
		                base, http_head_get(response, fields[i]), arena, &target))
			ret_targets[count++] = target;
	}
	return count;
}
