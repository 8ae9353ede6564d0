/*
 * What the files of TLS share: reading PEM.
 */
#pragma once

#include "base/str.h"

#include <openssl/bio.h>

/* For OpenSSL's readers of PEM: a key with a passphrase is no key to us, for there is nobody to
 * ask. */
int tls_no_passphrase(char *to, int size, int is_writing, void *context);

/* A reader of PEM, whose bytes must outlive it. */
BIO *tls_open_pem(struct str pem);
