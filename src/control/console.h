/*
 * The console: its files, answered to whoever asks, as the page to sign in at is one of them. All
 * that they show comes by the API, which is not for everybody. The loop's thread.
 */
#pragma once

#include "base/str.h"
#include "net/loop.h"

struct control_call;
struct control_console;

/* Begins to read the folder (copied; NULL: there is no console), and does so again when it has
 * changed. */
struct control_console *control_console_new(struct loop *loop, const char *folder);

/* Waits for what is being read. NULL is fine. Answers that have files keep them. */
void control_console_free(struct control_console *console);

/* Whether a path without its query is the console's to answer, and not the API's. `console` may be
 * NULL. */
bool control_console_has(const struct control_console *console, struct str path);

/* Answers a request for such a path. */
void control_console_answer(
        const struct control_console *console, struct str path, struct control_call *call);
