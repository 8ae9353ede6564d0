/*
 * `headwater purge`: tells a running edge, through its UNIX socket, what to forget.
 */
#pragma once

#include "base/str.h"

#define PURGE_USAGE                                                                                \
	"purge [--socket PATH] [--soft] [--json] "                                                 \
	"(URL... | --prefix URL | --domain NAME | --tag NAME --domain NAME)"

/* The program's arguments: its name, the command, its words, NULL. Returns the exit code. */
int purge_run(char *const *arguments);

/* Adds the flags' help. */
void purge_help(struct text *to);
