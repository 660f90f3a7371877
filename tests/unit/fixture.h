/*
 * Settings and answers for tests of core. It does not know which test uses them.
 */
#pragma once

#include "core/answer.h"
#include "core/grant.h"
#include "core/settings.h"

/* client_credentials at https://login.example/oauth/token with client id "id" and secret "s3cret!".
 */
struct settings *fixture_settings(const char *name);

/* Sets a string member, freeing what it was. */
void fixture_set(char **member, const char *value);

/* An answer of HTTP status with that body, sent at 0. */
struct answer_http fixture_answer(int status, const char *body);
