/*
 * The directory is watched and not the file: a file that is replaced by a rename is another one,
 * and one behind a link that is swapped (as Kubernetes does) never changes. inotify follows inodes,
 * so that each directory on the way is watched for being moved or removed; where one is missing,
 * the last that is there is watched for it.
 */
#include "watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_files.h"

enum {
	EVENTS_SIZE = 4096, /* bytes read at once */
	SELF_EVENTS = IN_DELETE_SELF | IN_MOVE_SELF,
	/* Of the files in a directory. Who writes a new one is waited for: its making alone counts
	 * for links only. */
	FILE_EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
		      IN_CREATE,
	MAKING_EVENTS = IN_CREATE | IN_MOVED_TO,
};

static const uint64_t HASH_BASIS = 0xcbf29ce484222325; /* FNV-1a */
static const uint64_t HASH_PRIME = 0x100000001b3;

struct watch {
	struct event_base *base;
	watch_fn *changed;
	void *context;
	char *path, *drop_ins; /* the file, and the directory of its drop-ins */
	char *directory;       /* of both */
	const char *name;      /* of the file in its directory */
	int64_t quiet_ms;
	uint64_t mark; /* what the files were when they were read */
	int fd;        /* -1: nothing is watched */
	struct event *readable, *quiet;
	int directory_wd, drop_ins_wd; /* -1: it is not there */
	const char *awaited;           /* the first that is missing on the way to directory, … */
	size_t awaited_len;
	int awaited_wd; /* … and where it would be made; -1: none is missing */
};

/* ---- what the files are */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	for (const unsigned char *at = bytes; len > 0; at++, len--) {
		hash = (hash ^ *at) * HASH_PRIME;
	}
	return hash;
}

static uint64_t hash_file(uint64_t hash, const char *path)
{
	struct stat status;
	uint64_t parts[7] = {0};

	if (stat(path, &status) == 0) {
		parts[0] = status.st_dev;
		parts[1] = status.st_ino;
		parts[2] = (uint64_t)status.st_size;
		parts[3] = (uint64_t)status.st_mtim.tv_sec;
		parts[4] = (uint64_t)status.st_mtim.tv_nsec;
		parts[5] = (uint64_t)status.st_ctim.tv_sec;
		parts[6] = (uint64_t)status.st_ctim.tv_nsec;
	}
	hash = hash_bytes(hash, path, strlen(path));
	return hash_bytes(hash, parts, sizeof(parts));
}

static uint64_t hash_files(const struct watch *watch)
{
	uint64_t hash = hash_file(HASH_BASIS, watch->path);
	char **drop_ins;
	size_t n;

	if (config_files_list(watch->path, &drop_ins, &n) == 0) {
		for (size_t i = 0; i < n; i++) {
			hash = hash_file(hash, drop_ins[i]);
		}
		config_files_list_done(drop_ins, n);
	}
	return hash;
}

void watch_mark(struct watch *watch)
{
	watch->mark = hash_files(watch);
}

static void arm(struct watch *watch)
{
	const struct timeval quiet = {
		watch->quiet_ms / 1000, (suseconds_t)(watch->quiet_ms % 1000 * 1000)};

	evtimer_add(watch->quiet, &quiet);
}

static void on_quiet(evutil_socket_t fd, short what, void *context)
{
	struct watch *watch = context;
	uint64_t now = hash_files(watch);

	if (now != watch->mark) {
		watch->mark = now;
		watch->changed(watch->context, 0);
	}
}

/* ---- where they are */

/* Adds the directory whose name ends at end of the path; its parent ends at parent. Returns its
 * watch, -ENOENT when it is missing and awaited, or a negative errno. */
static int watch_step(struct watch *watch, size_t parent, size_t end)
{
	char *step = strndup(watch->directory, end);
	char *from = parent > 0 ? strndup(watch->directory, parent) : NULL;
	const char *above = from ? from : watch->directory[0] == '/' ? "/" : ".";
	int result = 0;

	if (!step || (parent > 0 && !from)) {
		result = -ENOMEM;
	} else if (inotify_add_watch(watch->fd, step, SELF_EVENTS | IN_DONT_FOLLOW | IN_MASK_ADD) <
		   0) {
		result = -errno;
	}
	if (result == -ENOENT || result == -ENOTDIR) {
		watch->awaited = watch->directory + parent + strspn(watch->directory + parent, "/");
		watch->awaited_len = (size_t)(watch->directory + end - watch->awaited);
		watch->awaited_wd = inotify_add_watch(
			watch->fd, above, MAKING_EVENTS | IN_MASK_ADD | IN_ONLYDIR);
		if (watch->awaited_wd < 0 && errno == ENOSPC) {
			result = -ENOSPC;
		} else {
			/* It may have been made in between. */
			result = access(step, F_OK) == 0 ? -EAGAIN : -ENOENT;
		}
	}
	free(step);
	free(from);
	/* One that may not be read may be passed through all the same. */
	return result == -EACCES ? 0 : result;
}

/* Watches each directory on the way. Returns 0, -ENOENT when one is missing and awaited, or as
 * above. */
static int watch_way(struct watch *watch)
{
	const char *directory = watch->directory;
	size_t parent = 0, end;

	for (;;) {
		size_t start = parent + strspn(directory + parent, "/");
		int result;

		if (directory[start] == '\0') {
			return 0;
		}
		end = start + strcspn(directory + start, "/");
		result = watch_step(watch, parent, end);
		if (result < 0) {
			return result;
		}
		parent = end;
	}
}

static int watch_files(struct watch *watch)
{
	watch->directory_wd = inotify_add_watch(
		watch->fd, watch->directory, FILE_EVENTS | IN_MASK_ADD | IN_ONLYDIR);
	if (watch->directory_wd < 0) {
		/* What has removed it, or what its link leads to, is told by its own watch. */
		return errno == ENOENT ? 0 : -errno;
	}
	watch->drop_ins_wd = inotify_add_watch(
		watch->fd, watch->drop_ins, FILE_EVENTS | SELF_EVENTS | IN_MASK_ADD | IN_ONLYDIR);
	return watch->drop_ins_wd < 0 && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
}

static void on_readable(evutil_socket_t fd, short what, void *context);

static int open_watches(struct watch *watch)
{
	int result;

	watch->directory_wd = watch->drop_ins_wd = watch->awaited_wd = -1;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0) {
		return -errno;
	}
	result = watch_way(watch);
	if (result == 0) {
		result = watch_files(watch);
	}
	if (result < 0 && result != -ENOENT) {
		return result;
	}
	watch->readable = event_new(
		watch->base, watch->fd, EV_READ | EV_PERSIST, on_readable, watch);
	if (!watch->readable || event_add(watch->readable, NULL) < 0) {
		return -ENOMEM;
	}
	return 0;
}

static void close_watches(struct watch *watch)
{
	if (watch->readable) {
		event_free(watch->readable);
		watch->readable = NULL;
	}
	if (watch->fd >= 0) {
		close(watch->fd);
		watch->fd = -1;
	}
}

void watch_stop(struct watch *watch)
{
	close_watches(watch);
	evtimer_del(watch->quiet);
}

/* Looks for the directories anew; what was changed in between is found by its hash. */
static int reopen(struct watch *watch)
{
	int result;

	do {
		close_watches(watch);
		result = open_watches(watch);
	} while (result == -EAGAIN);
	if (result < 0) {
		watch_stop(watch);
		return result;
	}
	arm(watch);
	return 0;
}

int watch_start(struct watch *watch)
{
	return watch->fd >= 0 ? 0 : reopen(watch);
}

/* ---- what happens there */

/* Whether what was made is whole already: a link. Of others the writer is waited for. */
static bool is_link(const char *directory, const char *name)
{
	struct stat status;
	char *path;
	bool found;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		return false;
	}
	found = lstat(path, &status) == 0 &&
		(S_ISLNK(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink > 1));
	free(path);
	return found;
}

/* Whether what has happened to name in directory can have changed a file that is ours: is_ours says
 * whether it has the name of one. Any link may lead to ours. */
static bool matters(const char *directory, const struct inotify_event *event, bool is_ours)
{
	if (is_ours && !(event->mask & IN_CREATE)) {
		return true;
	}
	return (event->mask & MAKING_EVENTS) && is_link(directory, event->name);
}

/* Takes one event; whether the directories have to be looked for anew. */
static bool take_event(struct watch *watch, const struct inotify_event *event)
{
	const char *drop_ins_name = strrchr(watch->drop_ins, '/');

	drop_ins_name = drop_ins_name ? drop_ins_name + 1 : watch->drop_ins;
	if (event->mask & (SELF_EVENTS | IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW)) {
		return true;
	}
	if (event->len == 0) {
		return false;
	}
	if (event->wd == watch->awaited_wd && strlen(event->name) == watch->awaited_len &&
		strncmp(event->name, watch->awaited, watch->awaited_len) == 0) {
		return true;
	}
	if (event->wd == watch->directory_wd && strcmp(event->name, drop_ins_name) == 0) {
		return event->mask & (MAKING_EVENTS | IN_MOVED_FROM | IN_DELETE);
	}
	if ((event->wd == watch->directory_wd &&
		    matters(watch->directory, event, strcmp(event->name, watch->name) == 0)) ||
		(event->wd == watch->drop_ins_wd &&
			matters(watch->drop_ins, event, config_files_is_drop_in(event->name)))) {
		arm(watch);
	}
	return false;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct watch *watch = context;
	char events[EVENTS_SIZE] __attribute__((aligned(_Alignof(struct inotify_event))));
	ssize_t len = read(watch->fd, events, sizeof(events));
	bool lost = false;
	int error;

	for (const char *at = events; len > 0 && at < events + len;) {
		const struct inotify_event *event = (const void *)at;

		lost |= take_event(watch, event);
		at += sizeof(*event) + event->len;
	}
	if (!lost) {
		return;
	}
	error = reopen(watch);
	if (error < 0) {
		watch->changed(watch->context, error);
	}
}

/* ---- life */

struct watch *watch_new(struct event_base *base, const char *path, int64_t quiet_ms,
	watch_fn *changed, void *context)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	const char *slash = strrchr(path, '/');

	if (!watch) {
		return NULL;
	}
	watch->base = base;
	watch->changed = changed;
	watch->context = context;
	watch->quiet_ms = quiet_ms;
	watch->fd = -1;
	watch->path = strdup(path);
	watch->drop_ins = config_files_directory(path);
	/* Of a file in / the directory is that. */
	watch->directory = !slash ? strdup(".")
				  : strndup(path, slash > path ? (size_t)(slash - path) : 1);
	watch->quiet = evtimer_new(base, on_quiet, watch);
	if (!watch->path || !watch->drop_ins || !watch->directory || !watch->quiet) {
		watch_free(watch);
		return NULL;
	}
	watch->name = slash ? watch->path + (slash - path) + 1 : watch->path;
	watch_mark(watch);
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch) {
		return;
	}
	close_watches(watch);
	if (watch->quiet) {
		event_free(watch->quiet);
	}
	free(watch->path);
	free(watch->drop_ins);
	free(watch->directory);
	free(watch);
}
