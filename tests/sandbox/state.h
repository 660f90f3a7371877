/*
 * What the sandbox holds, for the modules that answer requests.
 * Knows nothing of what they do with it.
 */
#ifndef SANDBOX_STATE_H
#define SANDBOX_STATE_H

#include <stdio.h>

struct state {
	struct client_list *clients;
	struct token_store *tokens;
	struct jwt_keys *keys;
	struct fault_list *faults;
	struct stats *stats;
	struct code_store *codes;
	struct session_store *sessions;
	struct device_store *devices;
	char *http_url;  /* http://127.0.0.1:PORT */
	char *https_url; /* NULL without TLS */
	FILE *log;       /* NULL for none */
};

#endif
