/*
 * The endpoints by which a plugin becomes a profile's provider, and tells what happens there. It
 * does not know who may call them, nor what providers are told to do.
 */
#pragma once

#include <stdbool.h>

struct call;

/* authProvider.register */
bool auth_provider_check_register(struct call *call);
void auth_provider_register(struct call *call);

/* authProvider.ready */
void auth_provider_ready(struct call *call);

/* authProvider.publish */
bool auth_provider_check_publish(struct call *call);
void auth_provider_publish(struct call *call);
