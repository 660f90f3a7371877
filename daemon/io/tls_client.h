/*
 * Looks at a client's certificate and key before they are used, so that what is wrong with them is
 * told in words and before anything is sent. It does not know where they come from.
 */
#pragma once

#include <stdbool.h>

struct secret;

enum { TLS_CLIENT_WHY_MAX = 256 /* bytes of the text that tells what is wrong */ };

/*
 * Whether the certificate, a chain in PEM with the client's own first, and the key in PEM can be
 * used together; a passphrase is asked of nobody else. passphrase: NULL where there is none. False
 * with a text: no PEM, one without the other, a passphrase that is missing or wrong, a key of
 * another certificate.
 */
bool tls_client_check(const struct secret *cert, const struct secret *key,
	const struct secret *passphrase, char why[TLS_CLIENT_WHY_MAX]);
