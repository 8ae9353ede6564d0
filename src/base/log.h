/*
 * The program's own log: lines for its operator on standard error, with level and time (as journald
 * reads them when it is there). Only edge, control, cli and main call it; libraries return faults.
 * Any thread; a line is one write.
 */
#pragma once

#include "base/check.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* What is above `level` is dropped; the default is INFO. */
void log_set_level(enum log_level level);

/* A short word that stands in front of each message, such as "edge[2]"; copied. */
void log_set_name(const char *name);

void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);
