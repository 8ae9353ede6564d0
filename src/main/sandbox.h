/*
 * Giving up rights: what a process that speaks to strangers does not need, it should not have.
 * Where the kernel lacks something, that is told and the program goes on; only a user that cannot
 * be become ends it.
 */
#pragma once

#include <stdbool.h>

#include "base/check.h"

/* Becomes the user, and a member of its groups; nothing is done when we are it already. False after
 * a log line. While there is one thread. */
MUST_CHECK bool sandbox_become(const char *user);

/* No new rights by exec from now on; as root, only the right to open any file remains of root's.
 * While there is one thread. */
void sandbox_drop_rights(void);

/* Has the kernel refuse (EPERM) what an edge never asks for, of all threads. Not in a build with
 * ASan, whose leak checker needs ptrace. */
void sandbox_filter_calls(void);
