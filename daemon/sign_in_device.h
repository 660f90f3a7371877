/*
 * The endpoints by which somebody signs in with a browser elsewhere, for grant device (RFC 8628).
 * It does not know who may call them.
 */
#pragma once

#include <stdbool.h>

struct call;

/* auth.getUserCode */
void sign_in_device_codes(struct call *call);

/* auth.authorizeDevice */
bool sign_in_device_check(struct call *call);
void sign_in_device(struct call *call);
