/*
 * Files of the operator: read whole and bounded, or written for nobody else's eyes.
 */
#pragma once

#include "model/problem.h"

/* Reads a file, or standard input for "-", of at most `size_max` bytes; freed with text_done. On
 * false one problem was added. */
MUST_CHECK bool cli_file_read(const char *path, size_t size_max, struct text *ret_content,
        struct model_problems *problems);

/* Puts the content in the place of what is at `path`, whole or not at all, with mode 0600; folders
 * above it are made with mode 0700. False with errno. */
MUST_CHECK bool cli_file_write_private(const char *path, struct str content);
