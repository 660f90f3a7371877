#include "codec.h"

#include "json.h"
#include "mem.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FORM_FIELDS_MAX 64

static const char base64url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *codec_base64url(const void *data, size_t len)
{
	char *text = mem_alloc((len + 2) / 3 * 4 + 1);
	size_t used = (size_t)EVP_EncodeBlock((unsigned char *)text, data, (int)len);
	while (used && text[used - 1] == '=') {
		text[--used] = '\0';
	}
	for (char *at = text; *at; at++) {
		*at = (char)(*at == '+' ? '-' : *at == '/' ? '_' : *at);
	}
	return text;
}

char *codec_base64_decode(const char *text, size_t *ret_len)
{
	size_t len = strlen(text);
	size_t padding = 0;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=') {
		padding++;
	}
	/* EVP_DecodeBlock would skip white space. */
	if (len % 4 != 0 || strcspn(text, " \t\r\n\f\v") != len) {
		return NULL;
	}
	char *data = mem_alloc(len / 4 * 3 + 1);
	int got = EVP_DecodeBlock((unsigned char *)data, (const unsigned char *)text, (int)len);
	if (got < 0) {
		free(data);
		return NULL;
	}
	*ret_len = (size_t)got - padding;
	data[*ret_len] = '\0';
	return data;
}

char *codec_base64url_decode(const char *text, size_t len, size_t *ret_len)
{
	char *padded = mem_alloc(len + 4);
	size_t used = 0;
	for (; used < len; used++) {
		char c = text[used];
		padded[used] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
	}
	bool ok = !memchr(text, '+', len) && !memchr(text, '/', len) && !memchr(text, '=', len);
	while (used % 4 != 0) {
		padded[used++] = '=';
	}
	padded[used] = '\0';
	char *data = ok ? codec_base64_decode(padded, ret_len) : NULL;
	free(padded);
	return data;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9') {
		return digit - '0';
	}
	digit = (char)tolower((unsigned char)digit);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

char *codec_form_decode(const char *text, size_t len)
{
	char *decoded = mem_alloc(len + 1);
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		int byte = text[i] == '+' ? ' ' : (unsigned char)text[i];
		if (text[i] == '%') {
			int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_value(text[i + 2]) : -1;
			byte = high < 0 || low < 0 ? 0 : high * 16 + low;
			i += 2;
		}
		if (byte == 0) {
			free(decoded);
			return NULL;
		}
		decoded[used++] = (char)byte;
	}
	decoded[used] = '\0';
	return decoded;
}

/* Adds one name=value; returns what is wrong with it, or NULL. */
static const char *form_add(cJSON *fields, const char *pair, size_t len)
{
	const char *equals = memchr(pair, '=', len);
	size_t name_len = equals ? (size_t)(equals - pair) : len;
	char *name = codec_form_decode(pair, name_len);
	char *value = equals ? codec_form_decode(equals + 1, len - name_len - 1) : mem_strdup("");
	const char *error = NULL;
	if (!name || !value) {
		error = "the form has a broken escape";
	} else if (json_get(fields, name)) {
		error = "the form has a field twice";
	} else {
		cJSON_AddStringToObject(fields, name, value);
	}
	free(name);
	free(value);
	return error;
}

cJSON *codec_form_parse(const char *body, size_t len, const char **error)
{
	cJSON *fields = cJSON_CreateObject();
	const char *end = body + len;
	int count = 0;
	*error = NULL;
	for (const char *pair = body; pair < end && !*error;) {
		const char *ampersand = memchr(pair, '&', (size_t)(end - pair));
		const char *stop = ampersand ? ampersand : end;
		if (stop > pair) {
			*error = ++count > FORM_FIELDS_MAX
					 ? "the form has too many fields"
					 : form_add(fields, pair, (size_t)(stop - pair));
		}
		pair = stop + 1;
	}
	if (*error) {
		cJSON_Delete(fields);
		return NULL;
	}
	return fields;
}

static void random_bytes(void *data, size_t len)
{
	if (RAND_bytes(data, (int)len) != 1) {
		mem_die("no random numbers");
	}
}

char *codec_random(size_t len)
{
	char *text = mem_alloc(len + 1);
	random_bytes(text, len);
	for (size_t i = 0; i < len; i++) {
		text[i] = base64url_alphabet[(unsigned char)text[i] % 64];
	}
	text[len] = '\0';
	return text;
}

char *codec_uuid(void)
{
	uint8_t b[16];
	random_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	return mem_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		b[13], b[14], b[15]);
}
