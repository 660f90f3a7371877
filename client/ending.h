/*
 * Holds back the signals that end the program while there is something to undo before. It does not
 * know what.
 */
#pragma once

/* From here on SIGHUP, SIGINT, SIGQUIT and SIGTERM wait, but those that are ignored. Calls nest. */
void ending_hold(void);

/* Within ending_hold(): waits until the descriptor can be read. Returns 0, -EINTR when the program
 * is to end, or -errno. */
int ending_wait(int fd);

/* The outermost one ends the program if a signal has come. */
void ending_release(void);
