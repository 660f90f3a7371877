/*
 * Sentences that tell an operator what is wrong with the state directory: path, cause, and what to
 * do. It does not know what was being done.
 */
#pragma once

enum { STATE_WHY_SIZE = 1024 /* bytes of such a text, with NUL */ };

/* Writes the text; returns -error. */
int state_why(char why[STATE_WHY_SIZE], int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "DIRECTORY/NAME WHAT: cause (step); what to do", name NULL for the directory itself. error is an
 * errno, positive or negative; step the system call that failed, or NULL. Returns the negative
 * errno. */
int state_why_failed(char why[STATE_WHY_SIZE], int error, const char *directory, const char *name,
	const char *what, const char *step);
