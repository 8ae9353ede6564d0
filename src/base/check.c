/*
 * The end of a program that found itself wrong.
 *
 * The line goes out through one write(2) from a buffer on the stack: nothing here may rely on a
 * heap or on stdio, since either may be what is broken.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *condition, const char *file, int line)
{
	char text[512];
	int length =
	        snprintf(text, sizeof(text), "%s:%d: check failed: %s\n", file, line, condition);
	if (length > (int)sizeof(text) - 1)
		length = (int)sizeof(text) - 1;
	/* Nothing can be done about a standard error that takes nothing. */
	if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
		abort();
	abort();
}
