/*
 * SQLite's codes say what it was doing; here they become what an operator can do about it.
 */
#include "store/failure.h"

#include <sqlite3.h>

const char *store_failure_words(enum store_failure failure)
{
	static const char *const WORDS[STORE_FAILURES] = {
	        [STORE_DONE] = "",
#define FAILURE(id, words) [STORE_##id] = words,
#include "store/failure.def"
#undef FAILURE
	};
	return failure < STORE_FAILURES ? WORDS[failure] : "";
}

enum store_failure store_failure_of_sqlite(int code)
{
	switch (code) {
	case SQLITE_READONLY_DBMOVED:
		return STORE_MOVED;
	case SQLITE_IOERR_SHORT_READ:
		return STORE_CORRUPT;
	default:
		break;
	}
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return STORE_DONE;
	case SQLITE_FULL:
		return STORE_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return STORE_USED;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return STORE_READ_ONLY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* a table is not there, for one */
		return STORE_CORRUPT;
	default:
		return STORE_SYSTEM;
	}
}
