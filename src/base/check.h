/*
 * Assertions for our own mistakes. They stay in release builds. Never on a peer's input: what a
 * peer sends wrong is a fault, not a broken program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints the place and the condition to standard error and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

/* Aborts the program unless `condition` holds. */
#define CHECK(condition)                                                                           \
	(__builtin_expect(!!(condition), 1) ? (void)0                                              \
	                                    : check_failed(#condition, __FILE__, __LINE__))

/* The struct of type `type` whose member `member` is at `pointer`; `pointer` may be to const. */
#define container_of(pointer, type, member)                                                        \
	((type *)(void *)((char *)(uintptr_t)(pointer)-offsetof(type, member)))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
