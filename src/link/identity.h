/*
 * The file that shows the other machines of a fleet who this one is (tls_context_mutual): read
 * again when it has changed, so that a certificate that is renewed takes no restart. One thread.
 */
#pragma once

#include "net/tls.h"

struct link_identity;

/* `path` is copied. The file is not looked at yet. */
struct link_identity *link_identity_new(const char *path);

/* NULL is fine. */
void link_identity_free(struct link_identity *identity);

/*
 * What connections are made with from now on; as long as nobody calls this again. A file that
 * cannot be read or used leaves what was there before it; NULL: there was nothing. *ret_why gets a
 * sentence about that, when there is one that was not told yet. Looks at the file once a second at
 * most, and reads it then: it should be on a local disk.
 */
const struct tls_context *link_identity_context(
        struct link_identity *identity, struct text *ret_why);
