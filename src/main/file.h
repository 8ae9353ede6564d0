/*
 * Reading a file of the operator's whole.
 */
#pragma once

#include "model/problem.h"

/* Reads at most `size_max` bytes into *ret_content, which the caller frees with text_done. On false
 * one problem was added. */
MUST_CHECK bool file_read(const char *path, size_t size_max, struct text *ret_content,
        struct model_problems *problems);
