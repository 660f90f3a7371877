#include "secret.h"

#include <stdlib.h>
#include <string.h>

struct secret {
	const struct secret_heap *heap;
	size_t len;
	char bytes[]; /* len bytes and a NUL */
};

static void *plain_take(size_t size)
{
	return malloc(size);
}

static void plain_give(void *memory, size_t size)
{
	explicit_bzero(memory, size);
	free(memory);
}

static const struct secret_heap plain_heap = {plain_take, plain_give};
static struct secret_heap locked_heap = {plain_take, plain_give};

void secret_set_heap(const struct secret_heap *heap)
{
	locked_heap = *heap;
}

static struct secret *make(const struct secret_heap *heap, const char *bytes, size_t len)
{
	struct secret *secret = heap->take(sizeof(*secret) + len + 1);

	if (!secret) {
		return NULL;
	}
	secret->heap = heap;
	secret->len = len;
	memcpy(secret->bytes, bytes, len);
	secret->bytes[len] = '\0';
	return secret;
}

struct secret *secret_new(const char *bytes, size_t len)
{
	return make(&plain_heap, bytes, len);
}

struct secret *secret_new_locked(const char *bytes, size_t len)
{
	return make(&locked_heap, bytes, len);
}

struct secret *secret_copy(const struct secret *secret)
{
	return secret_new(secret_reveal(secret), secret_len(secret));
}

struct secret *secret_copy_locked(const struct secret *secret)
{
	return secret_new_locked(secret_reveal(secret), secret_len(secret));
}

void secret_free(struct secret *secret)
{
	if (secret) {
		secret->heap->give(secret, sizeof(*secret) + secret->len + 1);
	}
}

const char *secret_reveal(const struct secret *secret)
{
	return secret->bytes;
}

size_t secret_len(const struct secret *secret)
{
	return secret->len;
}

bool secret_equals_bytes(const struct secret *secret, const char *bytes, size_t len)
{
	unsigned char difference = 0;

	if (secret->len != len) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		difference |= (unsigned char)secret->bytes[i] ^ (unsigned char)bytes[i];
	}
	return difference == 0;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	if (!a || !b) {
		return a == b;
	}
	return secret_equals_bytes(a, b->bytes, b->len);
}
