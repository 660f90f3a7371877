/*
 * Reads a secret that a person pastes or a program pipes in: one line of standard input. It does
 * not know what it is for.
 */
#pragma once

#include <stddef.h>

enum { INPUT_LINE_MAX = 64 * 1024 /* bytes of a line */ };

/*
 * Reads the first line, without its end and the blanks around it. From a terminal it may be as long
 * as from elsewhere and is not shown while it is typed; prompt stands on standard error before it.
 * *ret_line is the caller's, for input_free(): UTF-8, not empty. Returns an exit status; where it
 * is not EXIT_STATUS_DONE, people were told that there is no `what`, or a signal is to end the
 * program (see ending_hold()).
 */
int input_line(const char *prompt, const char *what, char **ret_line);

/* For locals: __attribute__((cleanup(input_free))); wipes all of it, whatever was written to it. */
void input_free(char **line);
