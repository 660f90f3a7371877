#include "client/user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ENTRY_SIZE = 64 * 1024, /* of all texts of an entry */
	GROUPS_MAX = 65536,     /* that a process can have (NGROUPS_MAX) */
};

/* An entry and the texts in it. */
struct entry {
	struct passwd passwd;
	char texts[ENTRY_SIZE];
};

/* Finds by name, or, for NULL, by uid. Returns whether there is one, or -errno. */
static int find_entry(struct entry *entry, const char *name, uid_t uid)
{
	struct passwd *found = NULL;
	int r = name ? getpwnam_r(name, &entry->passwd, entry->texts, ENTRY_SIZE, &found)
		     : getpwuid_r(uid, &entry->passwd, entry->texts, ENTRY_SIZE, &found);

	/* getpwnam(3): some of what says that there is none comes as an error. */
	if (r == ENOENT || r == ESRCH || r == EBADF || r == EPERM) {
		return 0;
	}
	return r != 0 ? -r : found != NULL;
}

static bool parse_uid(const char *text, uid_t *ret_uid)
{
	size_t len = strspn(text, "0123456789");
	unsigned long long number = 0;

	errno = 0;
	number = strtoull(text, NULL, 10);
	if (len == 0 || text[len] != '\0' || errno != 0 || number >= UINT_MAX) {
		return false;
	}
	*ret_uid = (uid_t)number;
	return true;
}

/* Returns 0, or -errno. */
static int find_groups(const struct passwd *passwd, struct user *user)
{
	int n = GROUPS_MAX;
	gid_t *gids = calloc(GROUPS_MAX, sizeof(*gids));

	if (!gids) {
		return -ENOMEM;
	}
	if (getgrouplist(passwd->pw_name, passwd->pw_gid, gids, &n) < 0) {
		free(gids);
		return -E2BIG;
	}
	*user = (struct user){.uid = passwd->pw_uid, .gids = gids, .n_gids = (size_t)n};
	return 0;
}

int user_find(const char *text, struct user *ret_user)
{
	struct entry *entry = malloc(sizeof(*entry));
	uid_t uid = 0;
	int r = 0;

	if (!entry) {
		return -ENOMEM;
	}
	r = find_entry(entry, text, 0);
	if (r == 0 && parse_uid(text, &uid)) {
		r = find_entry(entry, NULL, uid);
	}
	if (r >= 0) {
		r = r ? find_groups(&entry->passwd, ret_user) : -ENOENT;
	}
	free(entry);
	return r;
}

void user_done(struct user *user)
{
	free(user->gids);
}

const char *user_name(char dst[USER_NAME_SIZE], uid_t uid)
{
	struct entry *entry = malloc(sizeof(*entry));

	*dst = '\0';
	if (entry && find_entry(entry, NULL, uid) > 0) {
		snprintf(dst, USER_NAME_SIZE, "%s", entry->passwd.pw_name);
	}
	free(entry);
	return dst;
}
