/*
 * Holds back the signals that end the program while there is something to undo before. It does not
 * know what.
 */
#pragma once

#include <stdbool.h>

enum { ENDING_SIGNALS = 4 };

/* SIGHUP, SIGINT, SIGQUIT and SIGTERM. */
extern const int ending_signals[ENDING_SIGNALS];

/* Whether one of them is ignored, as under nohup(1): then it ends nothing. */
bool ending_is_ignored(int number);

/* From here on these signals wait, but those that are ignored. Calls nest. */
void ending_hold(void);

/* Within ending_hold(): waits until the descriptor can be read. Returns 0, -EINTR when the program
 * is to end, or -errno. */
int ending_wait(int fd);

/* Within ending_hold(): whether a signal has come. */
bool ending_is_due(void);

/* The outermost one ends the program if a signal has come. */
void ending_release(void);
