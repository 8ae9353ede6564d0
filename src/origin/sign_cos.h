/*
 * Tencent Cloud COS: the field Authorization of a request to a private bucket, by the signature of
 * its XML API (q-sign-algorithm=sha1; origin-pull.md section 6). Pure.
 */
#pragma once

#include "origin/sign.h"

/* For how long a signature is good, and how far ahead of our clock it begins: the store's may be
 * late by that much. */
enum { ORIGIN_SIGN_COS_BEFORE_S = 300, ORIGIN_SIGN_COS_AFTER_S = 900 };

/* A signature and what it is made of. All-zero is empty. */
struct origin_sign_cos {
	struct text time;                          /* "start;end" */
	struct text http_string;                   /* HttpString */
	struct text sign_key;                      /* in hexadecimal digits; secret */
	struct text string_to_sign;                /* StringToSign */
	struct text header_names, parameter_names; /* with semicolons between them */
	struct text signature;                     /* in hexadecimal digits */
	struct text authorization;                 /* the field's value */
};

/* What is signed, for the time from `start_s` to `end_s`; sign->time_s is not looked at. */
void origin_sign_cos_begin(const struct origin_sign *sign, int64_t start_s, int64_t end_s,
        struct origin_sign_cos *ret_made);

/* The key for this time. */
void origin_sign_cos_key(const struct origin_sign *sign, struct origin_sign_cos *made);

/* The signature, with that key. */
void origin_sign_cos_end(const struct origin_sign *sign, struct origin_sign_cos *made);
void origin_sign_cos_done(struct origin_sign_cos *made);

/* Adds the lines that make a request a signed one, each with its line end: Authorization, and with
 * a temporary key its token. They have the same length for every time. */
void origin_sign_cos_add(const struct origin_sign *sign, struct text *to);
