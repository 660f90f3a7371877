#include "login.h"

#include <string.h>

#include "secret.h"

void login_done(struct login *login)
{
	secret_free(login->refresh_token);
	*login = (struct login){0};
}

void login_set(struct login *login, struct secret *refresh_token)
{
	secret_free(login->refresh_token);
	login->refresh_token = refresh_token;
	login->sending = false;
}

bool login_plant(struct login *login, const struct secret *seed, const char hash[LOGIN_HASH_SIZE])
{
	struct secret *copy = secret_copy_locked(seed);

	if (!copy) {
		return false;
	}
	login_set(login, copy);
	memcpy(login->seed, hash, LOGIN_HASH_SIZE);
	return true;
}
