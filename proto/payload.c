#include "payload.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct payload *payload_new(size_t len)
{
	struct payload *payload;

	if (len > SIZE_MAX - sizeof(*payload) - 1) {
		return NULL;
	}
	payload = malloc(sizeof(*payload) + len + 1);
	if (!payload) {
		return NULL;
	}
	payload->refs = 1;
	payload->len = len;
	payload->bytes[len] = '\0';
	return payload;
}

struct payload *payload_copy(const char *bytes, size_t len)
{
	struct payload *payload = payload_new(len);

	if (payload) {
		memcpy(payload->bytes, bytes, len);
	}
	return payload;
}

struct payload *payload_ref(struct payload *payload)
{
	assert(payload->refs > 0 && payload->refs < UINT_MAX);
	payload->refs++;
	return payload;
}

void payload_unref(struct payload *payload)
{
	if (!payload) {
		return;
	}
	assert(payload->refs > 0);
	if (--payload->refs > 0) {
		return;
	}
	explicit_bzero(payload->bytes, payload->len);
	free(payload);
}
