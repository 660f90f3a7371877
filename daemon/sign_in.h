/*
 * The endpoints by which people and programs bring what a profile cannot get by itself: a code from
 * the authorization endpoint, or a token that came from there. It does not know who may call them.
 */
#pragma once

#include <stdbool.h>

struct call;

/* auth.getAuthorizeUrl */
bool sign_in_check_url(struct call *call);
void sign_in_url(struct call *call);

/* auth.authorize */
bool sign_in_check_code(struct call *call);
void sign_in_code(struct call *call);

/* auth.signIn */
void sign_in_ask(struct call *call);
