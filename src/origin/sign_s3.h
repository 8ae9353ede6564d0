/*
 * Amazon S3 and what speaks like it: the fields of a request to a private bucket, by Signature
 * Version 4 in one chunk (AWS4-HMAC-SHA256; origin-pull.md section 6). Pure.
 */
#pragma once

#include "origin/sign.h"

/* A signature and what it is made of. All-zero is empty. */
struct origin_sign_s3 {
	struct text date;                              /* x-amz-date, "20231114T221320Z" */
	struct text body;                              /* x-amz-content-sha256 */
	struct text scope;                             /* "20231114/us-east-1/s3/aws4_request" */
	struct text canonical_request;                 /* CanonicalRequest */
	struct text string_to_sign;                    /* StringToSign */
	unsigned char signing_key[ORIGIN_SIGN_SHA256]; /* kSigning; secret */
	struct text header_names;                      /* SignedHeaders */
	struct text signature;                         /* in hexadecimal digits */
	struct text authorization;                     /* the field's value */
};

/* What is signed: sign->headers, and with them x-amz-date, x-amz-content-sha256 and with a
 * temporary key x-amz-security-token, which are not in there. */
void origin_sign_s3_begin(const struct origin_sign *sign, struct origin_sign_s3 *ret_made);

/* The key for this day, region and service. */
void origin_sign_s3_key(const struct origin_sign *sign, struct origin_sign_s3 *made);

/* The signature, with that key. */
void origin_sign_s3_end(const struct origin_sign *sign, struct origin_sign_s3 *made);
void origin_sign_s3_done(struct origin_sign_s3 *made);

/* Adds the lines that make a request a signed one, each with its line end. They have the same
 * length for every time. */
void origin_sign_s3_add(const struct origin_sign *sign, struct text *to);
