/*
 * `headwater explain`: what the program knows of itself.
 */
#pragma once

/* Prints the tables of the steps of requests and fills. Returns the exit code. */
int explain_steps(void);
