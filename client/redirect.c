#include "client/redirect.h"

#include <stddef.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes application/x-www-form-urlencoded in place; false for a NUL or half an escape. */
static bool decode(char *text)
{
	char *dst = text;

	for (; *text != '\0'; text++) {
		int high, low;

		if (*text != '%') {
			*dst++ = (char)(*text == '+' ? ' ' : *text);
			continue;
		}
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || high + low == 0) {
			return false;
		}
		*dst++ = (char)(high * 16 + low);
		text += 2;
	}
	*dst = '\0';
	return true;
}

/* Takes a parameter in; others than ours are left alone. */
static bool take(struct redirect *redirect, char *name)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = {
		{"code", &redirect->code},
		{"access_token", &redirect->token},
		{"expires_in", &redirect->expires_in},
		{"state", &redirect->state},
		{"error", &redirect->error},
		{"error_description", &redirect->error_description},
	};
	char *value = strchr(name, '=');

	if (!value) {
		return true;
	}
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(known[i].name, name) == 0) {
			if (*known[i].value || !decode(value)) {
				return false;
			}
			*known[i].value = value;
		}
	}
	return true;
}

static bool take_all(struct redirect *redirect, char *part)
{
	char *rest = NULL;

	for (char *each = strtok_r(part, "&", &rest); each; each = strtok_r(NULL, "&", &rest)) {
		if (!take(redirect, each)) {
			return false;
		}
	}
	return true;
}

static bool has_answer(const struct redirect *redirect)
{
	return redirect->code || redirect->token || redirect->error;
}

bool redirect_read_part(struct redirect *redirect, char *part)
{
	*redirect = (struct redirect){.is_address = true};
	return take_all(redirect, part) && has_answer(redirect);
}

/* Codes have none of this. */
static bool is_address(const char *text, const char *query)
{
	const char *scheme = strchr(text, ':');

	return (*query != '\0' && (query == text || (scheme && scheme < query))) ||
	       strstr(text, "://");
}

bool redirect_read(struct redirect *redirect, char *text)
{
	char *query = text + strcspn(text, "?#");
	char *fragment;

	if (!is_address(text, query)) {
		*redirect = (struct redirect){.code = text};
		return true;
	}
	*redirect = (struct redirect){.is_address = true};
	fragment = strchr(query, '#');
	if (fragment) {
		*fragment++ = '\0';
	}
	return (*query == '\0' || take_all(redirect, query + 1)) &&
	       (!fragment || take_all(redirect, fragment)) && has_answer(redirect);
}
