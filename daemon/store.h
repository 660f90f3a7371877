/*
 * What of the broker outlives this process with the service manager: it is put there whenever it
 * has changed, and the daemon that comes next goes on with it. It does not know what of a profile
 * is kept, nor how.
 */
#pragma once

#include <stdint.h>

struct activation;
struct broker;
struct store;

/*
 * Reads what an earlier daemon left. Returns 0, with NULL where there is no service manager, or
 * -ENOMEM. All functions below take NULL, and do nothing.
 */
int store_new(struct activation *activation, struct store **ret_store);
void store_free(struct store *store);

/* The broker has its first configuration: its profiles go on where they were. Later calls do
 * nothing. */
void store_restore(struct store *store, struct broker *broker);

/* Puts what has changed since into the service manager's store. Until store_restore() was called
 * what is there stays there. Returns when to come again; INT64_MAX: no need. */
int64_t store_update(struct store *store, const struct broker *broker);

/* The daemon is about to end: what could not be put there is tried again at once, and often. */
void store_hurry(struct store *store);
