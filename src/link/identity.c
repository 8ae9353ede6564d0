/*
 * The content is compared, and not only the file's times, so that a file that was merely touched,
 * or put back, makes no new context.
 */
#include "link/identity.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/mem.h"
#include "link/source.h"

enum { LOOK_MS = 1000 };

struct link_identity {
	char *path;
	struct tls_context *context;   /* NULL: none yet */
	struct link_source_stamp seen; /* the version that was looked at last */
	uint64_t look_at_ms;           /* not before */
	struct text told;              /* what was said of it last; empty: nothing */
};

struct link_identity *link_identity_new(const char *path)
{
	struct link_identity *identity = mem_new(struct link_identity);
	identity->path = mem_copy(path, strlen(path));
	return identity;
}

void link_identity_free(struct link_identity *identity)
{
	if (identity == NULL)
		return;
	tls_context_free(identity->context);
	text_done(&identity->told);
	mem_free(identity->path);
	mem_free(identity);
}

/* Takes what the file has, if that is new; false and a phrase why not. */
static bool take(struct link_identity *identity, struct text *why)
{
	struct text pem = {0};
	struct link_source_stamp stamp;
	const char *unread;
	if (!link_source_read(identity->path, LIMIT_TLS_FILE_BYTES, &pem, &stamp, &unread)) {
		text_addf(why, "cannot be read: %s", unread);
		return false;
	}
	bool is_new = identity->context == NULL || !link_source_is_same(&stamp, &identity->seen);
	struct tls_context *context = is_new ? tls_context_mutual(text_str(&pem), why) : NULL;
	/* It has a key. */
	explicit_bzero(pem.at, pem.len);
	text_done(&pem);
	if (context != NULL) {
		tls_context_free(identity->context);
		identity->context = context;
		identity->seen = stamp;
	}
	return !is_new || context != NULL;
}

const struct tls_context *link_identity_context(
        struct link_identity *identity, struct text *ret_why)
{
	struct text why = {0};
	if (clock_ms() < identity->look_at_ms)
		return identity->context;
	identity->look_at_ms = clock_ms() + LOOK_MS;
	if (!take(identity, &why) && !str_is_equal(text_str(&why), text_str(&identity->told)))
		text_addf(ret_why, "%s %s", identity->path, text_c(&why));
	text_clear(&identity->told);
	text_add(&identity->told, text_str(&why));
	text_done(&why);
	return identity->context;
}
