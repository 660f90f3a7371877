/*
 * Reads a secret from a file, or from a credential that the service manager passed on
 * (systemd.exec(5), LoadCredential=). It does not know what the secret is for.
 */
#pragma once

#include <stddef.h>

struct secret;

enum {
	CREDENTIAL_SIZE_MAX = 64 * 1024, /* bytes of a secret file */
	CREDENTIAL_WHY_MAX = 512,        /* bytes of the text that tells what went wrong */
};

/*
 * Reads path; one newline at its end is not part of the secret. Returns 0 and a locked secret, or a
 * negative errno with a text that names the path and says what to do: unreadable, empty, too long,
 * holding NUL, writable by others, not a file.
 */
int credential_read(const char *path, struct secret **ret_secret, char why[CREDENTIAL_WHY_MAX]);

/* The path of the credential name in $CREDENTIALS_DIRECTORY, to be freed; NULL with a text when
 * there is none such. */
char *credential_path(const char *name, char why[CREDENTIAL_WHY_MAX]);
