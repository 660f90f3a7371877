/*
 * The way of revocations to login servers and back, and what the log hears of their end. It does
 * not know what is revoked, nor why.
 */
#pragma once

struct grant_result;
struct revocation;
struct sender;

/* Sends what the step of a revocation says. done(revocation, result) is its end, at once where
 * nothing can be sent; result is borrowed. */
void revoker_send(struct sender *sender, struct revocation *revocation,
	void (*done)(void *revocation, struct grant_result *result));

/* Drops what was sent; done() is not called any more. */
void revoker_cancel(struct revocation *revocation);

/* Logs that it has ended. */
void revoker_log(const struct revocation *revocation);
