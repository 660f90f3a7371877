/*
 * Texts that nobody can guess. It does not know what for.
 */
#pragma once

enum { RANDOM_SIZE = 32 + 1 /* 128 bits in hexadecimal, and NUL */ };

/* Returns 0, or -errno. */
int random_text(char ret[RANDOM_SIZE]);
