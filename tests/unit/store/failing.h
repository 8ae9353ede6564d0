/*
 * A file system for SQLite whose n-th write, sync or truncation fails: it does all of it (a sync
 * that tells nothing), half of it, or nothing.
 */
#pragma once

#include "stores.h"

struct failing_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this */
};

enum failing_how { FAILING_NOTHING_DONE, FAILING_HALF_DONE, FAILING_ALL_DONE, FAILING_HOWS };

static struct {
	sqlite3_vfs *real;
	unsigned countdown; /* 0: nothing fails */
	bool has_failed;
	enum failing_how how;
	int code;
} failing;

UNUSED static void failing_arm(unsigned countdown, enum failing_how how, int code)
{
	failing.countdown = countdown;
	failing.has_failed = false;
	failing.how = how;
	failing.code = code;
}

static bool failing_is_due(void)
{
	bool is_due = failing.countdown > 0 && --failing.countdown == 0;
	failing.has_failed |= is_due;
	return is_due;
}

static sqlite3_file *failing_real(sqlite3_file *file)
{
	return ((struct failing_file *)file)->real;
}

#define REAL(file) failing_real(file)->pMethods

static int failing_close(sqlite3_file *file)
{
	return REAL(file)->xClose(failing_real(file));
}

static int failing_read(sqlite3_file *file, void *to, int amount, sqlite3_int64 offset)
{
	return REAL(file)->xRead(failing_real(file), to, amount, offset);
}

static int failing_write(sqlite3_file *file, const void *from, int amount, sqlite3_int64 offset)
{
	if (!failing_is_due())
		return REAL(file)->xWrite(failing_real(file), from, amount, offset);
	int done = failing.how == FAILING_NOTHING_DONE ? 0
	           : failing.how == FAILING_HALF_DONE  ? amount / 2
	                                               : amount;
	if (done > 0)
		REAL(file)->xWrite(failing_real(file), from, done, offset);
	return failing.code;
}

static int failing_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return failing_is_due() ? failing.code : REAL(file)->xTruncate(failing_real(file), size);
}

static int failing_sync(sqlite3_file *file, int flags)
{
	return failing_is_due() ? failing.code : REAL(file)->xSync(failing_real(file), flags);
}

static int failing_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	return REAL(file)->xFileSize(failing_real(file), ret_size);
}

static int failing_lock(sqlite3_file *file, int level)
{
	return REAL(file)->xLock(failing_real(file), level);
}

static int failing_unlock(sqlite3_file *file, int level)
{
	return REAL(file)->xUnlock(failing_real(file), level);
}

static int failing_check_lock(sqlite3_file *file, int *ret_is_reserved)
{
	return REAL(file)->xCheckReservedLock(failing_real(file), ret_is_reserved);
}

static int failing_control(sqlite3_file *file, int what, void *argument)
{
	return REAL(file)->xFileControl(failing_real(file), what, argument);
}

static int failing_sector(sqlite3_file *file)
{
	return REAL(file)->xSectorSize(failing_real(file));
}

static int failing_traits(sqlite3_file *file)
{
	return REAL(file)->xDeviceCharacteristics(failing_real(file));
}

static int failing_open(
        sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	static const sqlite3_io_methods METHODS = {
	        .iVersion = 1,
	        .xClose = failing_close,
	        .xRead = failing_read,
	        .xWrite = failing_write,
	        .xTruncate = failing_truncate,
	        .xSync = failing_sync,
	        .xFileSize = failing_size,
	        .xLock = failing_lock,
	        .xUnlock = failing_unlock,
	        .xCheckReservedLock = failing_check_lock,
	        .xFileControl = failing_control,
	        .xSectorSize = failing_sector,
	        .xDeviceCharacteristics = failing_traits,
	};
	struct failing_file *ours = (struct failing_file *)file;
	(void)vfs;
	ours->real = (sqlite3_file *)(ours + 1);
	int code = failing.real->xOpen(failing.real, path, ours->real, flags, ret_flags);
	ours->base.pMethods = ours->real->pMethods == NULL ? NULL : &METHODS;
	return code;
}

/* For all stores that are opened from now on. */
UNUSED static void failing_install(void)
{
	static sqlite3_vfs vfs;
	if (failing.real != NULL)
		return;
	failing.real = sqlite3_vfs_find(NULL);
	vfs = *failing.real;
	vfs.zName = "failing";
	vfs.pNext = NULL;
	vfs.szOsFile = (int)sizeof(struct failing_file) + failing.real->szOsFile;
	vfs.xOpen = failing_open;
	assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}
