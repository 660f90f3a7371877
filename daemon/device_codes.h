/*
 * The way of requests for the codes of device authorizations to login servers and back, and what
 * the log hears of them. It does not know who signs in with the codes.
 */
#pragma once

struct device;
struct grant_result;
struct sender;

/* Asks for the codes. done(device, result) is the end, at once where nothing can be sent; result is
 * borrowed, and with GRANT_GRANTED the codes are in their place. */
void device_codes_ask(struct sender *sender, struct device *device,
	void (*done)(void *device, struct grant_result *result));

/* Drops what was sent; done() is not called any more. */
void device_codes_cancel(struct device *device);

/* Logs what came of it, but no codes. */
void device_codes_log(const struct device *device, const struct grant_result *result);
