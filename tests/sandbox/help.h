/*
 * The manual of the sandbox, as --help prints it.
 * Knows nothing of how options are read.
 */
#ifndef SANDBOX_HELP_H
#define SANDBOX_HELP_H

/* Prints it on stdout. */
void help_print(void);

#endif
