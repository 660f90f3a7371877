/*
 * Becomes another command with a token in its environment, and nowhere else. It does not know where
 * the token came from.
 */
#pragma once

/*
 * Replaces this process by argv, found as execvp(3) does, with GENESYSCLOUD_ACCESS_TOKEN set to
 * token and, unless it is NULL, GENESYSCLOUD_REGION to region. Returns only when that fails: the
 * exit status, 127 where there is no such command and 126 otherwise, as env(1) has them. It has
 * told people why, and wiped its copy of the token.
 */
int run_command(char *const *argv, const char *token, const char *region);
