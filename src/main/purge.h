/*
 * `headwater purge --socket`: tells a running edge, through its UNIX socket, what to forget. Its
 * flags are told by the table of cli/, whose command it is a form of.
 */
#pragma once

/* The program's arguments: its name, the command, its words, NULL. Returns the exit code. */
int purge_run(char *const *arguments);
