/*
 * Why a call of the store failed, as a value; whoever calls has the words and what SQLite and the
 * kernel said besides. Pure.
 */
#pragma once

#include "base/str.h"

enum store_failure {
	STORE_DONE, /* it did not */
#define FAILURE(id, words) STORE_##id,
#include "store/failure.def"
#undef FAILURE
	STORE_FAILURES
};

/* A sentence without its full stop; "" for STORE_DONE. */
const char *store_failure_words(enum store_failure failure);

/* What a result code of SQLite (extended or not) is here. */
enum store_failure store_failure_of_sqlite(int code);
