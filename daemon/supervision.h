/*
 * What the service manager hears of the daemon: that it serves, reloads or ends, how its profiles
 * are, and, as long as none is overlooked, that it is alive. It does not know how that is said
 * (io/notify.h), nor what the manager makes of it.
 */
#pragma once

struct broker;
struct configuration;
struct event_base;
struct supervision;

/* All is borrowed. Without a service manager all of this does nothing. NULL when there is no
 * memory. */
struct supervision *supervision_new(struct event_base *base, const struct broker *broker,
	const struct configuration *configuration);

/* Takes NULL. */
void supervision_free(struct supervision *supervision);

/* The daemon serves, also when that is to answer with the reason why there is no configuration; or
 * a reload has ended. */
void supervision_ready(struct supervision *supervision);

void supervision_reloading(struct supervision *supervision);
void supervision_stopping(struct supervision *supervision);

/* Profiles may be other than they were. */
void supervision_changed(struct supervision *supervision);
