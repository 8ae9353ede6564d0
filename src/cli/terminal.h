/*
 * The operator at the other end: questions on standard input, and how far something is on standard
 * error. Where standard input is no terminal, its lines are the answers.
 */
#pragma once

#include "base/str.h"

/* Whether what is written there may have colours: a terminal, unless NO_COLOR or TERM say no. */
bool cli_terminal_has_colours(int fd);

/* Whether there is somebody to ask. */
bool cli_terminal_is_attended(void);

enum cli_terminal_echo { CLI_TERMINAL_SHOWN, CLI_TERMINAL_HIDDEN };

/* Asks for a line, which is added to `to` without its end; the question is written only to a
 * terminal. False at the end of the input, and when the line is longer than any answer. */
MUST_CHECK bool cli_terminal_ask(
        const char *question, enum cli_terminal_echo echo, struct text *to);

/* Asks, on a terminal, for y or yes. */
bool cli_terminal_confirm(const char *question);

/* Draws how many of them are done, in the place of the last drawing; nothing but on a terminal. */
void cli_terminal_draw(size_t done, size_t total, const char *words);

/* Takes the drawing away. */
void cli_terminal_clear(void);

/* Forgets what a text held: for secrets. */
void cli_terminal_wipe(struct text *secret);
