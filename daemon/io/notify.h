/*
 * What the service manager is told, by datagrams to $NOTIFY_SOCKET (sd_notify(3)). It does not know
 * when that is to be.
 *
 * Nothing here waits, other than sd_notify() itself: when the manager hangs, the queue that it
 * shares among all services fills up, and who waits for room there hangs with it. All return 0,
 * also where there is no $NOTIFY_SOCKET, or a negative errno: -EAGAIN when the queue is full.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { NOTIFY_STATUS_MAX = 1024 /* bytes of a status; a longer one is cut */ };

/* Whether there is anybody to be told. */
bool notify_enabled(void);

/* The daemon serves; also the end of a reload. */
int notify_ready(void);

/* A reload begins. */
int notify_reloading(void);

/* The daemon ends. */
int notify_stopping(void);

/* A sentence for people. Control characters become spaces, and what is not UTF-8 "?". */
int notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The milliseconds within which notify_watchdog() has to come again and again
 * (sd_watchdog_enabled(3)); 0: it is not waited for. */
int64_t notify_watchdog_interval(void);

/* The daemon does what it is there for. */
int notify_watchdog(void);

/* Any message, lines of NAME=VALUE, with a descriptor (-1: none), which stays the caller's. */
int notify_send(const char *message, int fd);
