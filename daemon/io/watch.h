/*
 * Watches the files of a configuration and tells when they have changed and are left in peace, by
 * inotify(7) on their directories. It does not know what stands in them, nor who reads them.
 */
#pragma once

#include <stdint.h>

struct event_base;
struct watch;

enum { WATCH_QUIET_MS = 250 /* without another change before one is told */ };

/* error 0: the files are others than those of the last watch_mark() or call. A negative errno: they
 * cannot be watched any longer; nothing follows before the next watch_start(). */
typedef void watch_fn(void *context, int error);

/* Watches nothing yet. path is that of the file; its drop-ins are found by config_files.h. Neither
 * needs to be there. NULL when there is no memory. */
struct watch *watch_new(struct event_base *base, const char *path, int64_t quiet_ms,
	watch_fn *changed, void *context);
void watch_free(struct watch *watch);

/* Remembers what the files are now: to be called before they are read. */
void watch_mark(struct watch *watch);

/* Begins to watch, or goes on; what was changed since watch_mark() is told too. Returns 0 or a
 * negative errno. */
int watch_start(struct watch *watch);

/* Watches nothing from now on. */
void watch_stop(struct watch *watch);
