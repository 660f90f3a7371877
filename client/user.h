/*
 * The users of this machine and their groups, as the name service switch has them. It does not know
 * what they may do.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum { USER_NAME_SIZE = 256 };

struct user {
	uid_t uid;
	size_t n_gids;
	gid_t *gids; /* owned; the primary one and the supplementary ones */
};

/* Finds a user by name or, where it is no name, by uid. Returns 0, -ENOENT when there is none, or
 * another -errno. */
int user_find(const char *text, struct user *ret_user);

/* For locals: __attribute__((cleanup(user_done))). */
void user_done(struct user *user);

/* The name of a uid, cut; empty where it has none. Returns dst. */
const char *user_name(char dst[USER_NAME_SIZE], uid_t uid);
