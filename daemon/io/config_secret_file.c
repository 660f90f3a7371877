#include "config_secret_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/secret.h"

bool config_secret_file_check(enum settings_secret_number number, const struct secret *secret,
	const char *place, char why[CREDENTIAL_WHY_MAX])
{
	const char *text = secret_reveal(secret);

	switch (number) {
	case SETTINGS_ASSERTION:
		if (text[strspn(text, " \t\r\n")] != '<') {
			return true;
		}
		snprintf(why, CREDENTIAL_WHY_MAX,
			"%s holds raw XML; encode it in base64 (base64 -w0 RESPONSE.xml)", place);
		return false;
	case SETTINGS_PRIVATE_KEY:
	case SETTINGS_TLS_CERT:
	case SETTINGS_TLS_KEY:
		if (strstr(text, "-----BEGIN ")) {
			return true;
		}
		snprintf(why, CREDENTIAL_WHY_MAX,
			"%s is not PEM: it has no line that begins with -----BEGIN", place);
		return false;
	case SETTINGS_CLIENT_SECRET:
	case SETTINGS_REFRESH_TOKEN:
	case SETTINGS_TLS_PASSPHRASE:
	case SETTINGS_PROXY_PASSWORD:
	case SETTINGS_SECRETS:
		break;
	}
	return true;
}

int config_secret_file_read(enum settings_secret_number number, const char *path,
	struct secret **ret_secret, char why[CREDENTIAL_WHY_MAX])
{
	int error = credential_read(path, ret_secret, why);

	if (error == 0 && !config_secret_file_check(number, *ret_secret, path, why)) {
		secret_free(*ret_secret);
		*ret_secret = NULL;
		error = -EINVAL;
	}
	return error;
}
