#include "redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "decode.h"
#include "echoes.h"
#include "encode.h"
#include "secret.h"

enum {
	NAME_MAX_LEN = 64,          /* bytes; what has a longer name is hidden */
	BODY_READ_MAX = 256 * 1024, /* bytes of a body that are looked at */
};

static const char hidden[] = "***", hidden_string[] = "\"***\"";

/* Bytes that stand somewhere else. */
struct piece {
	const char *at;
	size_t len;
};

static void add(struct form *out, const char *text, size_t len)
{
	if (len > 0) {
		form_add_raw(out, text, len);
	}
}

static void add_text(struct form *out, const char *text)
{
	add(out, text, strlen(text));
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++) {
		if (strcmp(text, *list) == 0) {
			return true;
		}
	}
	return false;
}

/* The name in lower case, up to a NUL; false when it is too long for one. */
static bool take_name(char name[NAME_MAX_LEN + 1], const char *text, size_t len)
{
	if (len > NAME_MAX_LEN) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		bool upper = text[i] >= 'A' && text[i] <= 'Z';

		name[i] = (char)(upper ? text[i] - 'A' + 'a' : text[i]);
	}
	name[len] = '\0';
	return true;
}

/* ---- what is to be hidden */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Whether what has this name is a secret, in whichever way a server spells it. */
static bool is_secret_name(const char *text, size_t len)
{
	static const char *const parts[] = {"token", "secret", "passw", "passphrase", "assertion",
		"verifier", "jwt", "credential", "cookie", "session", "saml", "authorization",
		"api_key", "apikey", "private_key", "device_code", "user_code",
		"verification_uri_complete", "auth_code", "authcode", "nonce", NULL};
	static const char *const harmless_ends[] = {
		"type", "_in", "_at", "_endpoint", "_supported", NULL};
	char name[NAME_MAX_LEN + 1];

	if (!take_name(name, text, len)) {
		return true;
	}
	for (const char *const *end = harmless_ends; *end; end++) {
		if (ends_with(name, *end)) {
			return false;
		}
	}
	for (const char *const *part = parts; *part; part++) {
		if (strstr(name, *part)) {
			return true;
		}
	}
	return false;
}

static bool holds_known(const char *text, size_t len, const struct echoes *echoes)
{
	struct form decoded = {0};
	bool holds = text_has_secret(text, len, echoes->list, echoes->n);

	if (!holds && memchr(text, '%', len)) {
		decode_form(&decoded, text, len);
		holds = decoded.failed ||
			text_has_secret(decoded.text, decoded.len, echoes->list, echoes->n);
		form_done(&decoded);
	}
	return holds;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* The value behind a name, as in a form, XML, or JSON with other quotes; false where there is none.
 */
static bool value_behind(const char *text, size_t len, size_t at, struct piece *ret_value)
{
	bool assigned = false;
	size_t begin;

	while (at < len && text[at] != '\0' && strchr(" \t\r\n\"'\\:=>", text[at])) {
		assigned = assigned || strchr(":=>", text[at]);
		at++;
	}
	for (begin = at;
		at < len && !(text[at] != '\0' && strchr("&\"'<>,;}) \t\r\n", text[at]));) {
		at++;
	}
	*ret_value = (struct piece){text + begin, at - begin};
	return assigned && at > begin;
}

/* The next value in a text that is named like a secret. */
static bool find_named(const char *text, size_t len, struct piece *ret_value)
{
	for (size_t i = 0; i < len;) {
		size_t begin = i;

		while (i < len && is_word(text[i])) {
			i++;
		}
		if (i > begin && i - begin <= NAME_MAX_LEN &&
			is_secret_name(text + begin, i - begin) &&
			value_behind(text, len, i, ret_value)) {
			return true;
		}
		i += i == begin ? 1 : 0;
	}
	return false;
}

/* ---- JSON, and what is not */

/* The length of a string with its quotes; of one that does not end, what is left. */
static size_t string_len(const char *text, size_t len)
{
	size_t i = 1;

	while (i < len && text[i] != '"') {
		i += text[i] == '\\' ? 2 : 1;
	}
	return i < len ? i + 1 : len;
}

static size_t blank_len(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && text[i] != '\0' && strchr(" \t\r\n", text[i])) {
		i++;
	}
	return i;
}

/* The length of a value of any kind, with the blanks before it. */
static size_t value_len(const char *text, size_t len)
{
	size_t i = blank_len(text, len);
	int depth = 0;

	while (i < len) {
		if (text[i] == '"') {
			i += string_len(text + i, len - i);
		} else if (text[i] == '{' || text[i] == '[') {
			depth++;
			i++;
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
			i += depth < 0 ? 0 : 1;
		} else if (depth == 0 && (text[i] == ',' || isspace((unsigned char)text[i]))) {
			break;
		} else {
			i++;
			continue;
		}
		if (depth <= 0) {
			break;
		}
	}
	return i;
}

/* Adds the string at the head of text, and where it is the name of a secret also what it names.
 * Returns how much of text that was. */
static size_t add_string(
	struct form *out, const char *text, size_t len, const struct echoes *echoes)
{
	size_t n = string_len(text, len);
	size_t colon = n + blank_len(text + n, len - n);
	bool closed = n > 1 && text[n - 1] == '"';
	struct form decoded = {0};
	struct piece value;
	const char *content;
	bool is_name = colon < len && text[colon] == ':';
	bool hide;

	decode_json(&decoded, text + 1, n - (closed ? 2 : 1));
	content = decoded.text ? decoded.text : "";
	hide = decoded.failed || holds_known(content, decoded.len, echoes) ||
	       find_named(content, decoded.len, &value);
	if (hide) {
		add_text(out, hidden_string);
	} else {
		add(out, text, n);
	}
	if (is_name && (hide || is_secret_name(content, decoded.len))) {
		add(out, text + n, colon + 1 - n);
		add_text(out, hidden_string);
		n = colon + 1 + value_len(text + colon + 1, len - colon - 1);
	}
	form_done(&decoded);
	return n;
}

/* Adds text that is no string. */
static void add_plain(struct form *out, const char *text, size_t len, const struct echoes *echoes)
{
	struct piece value;

	if (holds_known(text, len, echoes) &&
		!text_has_secret(text, len, echoes->list, echoes->n)) {
		/* It stands there in an encoding of which no byte is known. */
		add_text(out, hidden);
		return;
	}
	while (find_named(text, len, &value)) {
		size_t before = (size_t)(value.at - text);

		add(out, text, before);
		add_text(out, hidden);
		text += before + value.len;
		len -= before + value.len;
	}
	add(out, text, len);
}

/* Cleans what was put together into dst; where memory ran out on the way nothing is shown. */
static void finish(char dst[REDACT_BODY_SIZE], struct form *form, const struct echoes *echoes)
{
	if (form->failed) {
		memcpy(dst, hidden, sizeof(hidden));
	} else {
		text_clean_to(dst, REDACT_BODY_MAX, form->text ? form->text : "", form->len,
			echoes->list, echoes->n);
	}
	form_done(form);
}

/*
 * Adds the head of text with the secrets in it replaced that stand there byte by byte. A secret may
 * hold quotes itself, so this comes before strings are looked for.
 */
static void add_without_known(
	struct form *out, const char *text, size_t len, const struct echoes *echoes)
{
	size_t end = len < BODY_READ_MAX ? len : BODY_READ_MAX;
	size_t begin = 0; /* of what is not added yet */
	bool begins[256] = {false};

	for (size_t i = 0; i < echoes->n; i++) {
		begins[(unsigned char)*secret_reveal(echoes->list[i])] = true;
	}
	for (size_t i = 0; i < end;) {
		size_t n = !begins[(unsigned char)text[i]]
				   ? 0
				   : text_secret_at(text + i, len - i, echoes->list, echoes->n);

		if (n > 0) {
			add(out, text + begin, i - begin);
			add_text(out, hidden);
			begin = i + n;
		}
		i += n > 0 ? n : 1;
	}
	if (begin < end) {
		add(out, text + begin, end - begin);
	}
	if (end < len) {
		add_text(out, "…");
	}
}

void redact_body(
	char dst[REDACT_BODY_SIZE], const char *body, size_t len, const struct echoes *echoes)
{
	struct form known = {0}, form = {0};
	const char *at, *end;

	add_without_known(&known, body, len, echoes);
	form.failed = known.failed;
	at = known.text ? known.text : "";
	end = at + known.len;
	while (at < end && !form.failed) {
		const char *quote = memchr(at, '"', (size_t)(end - at));

		if (quote == at) {
			at += add_string(&form, at, (size_t)(end - at), echoes);
		} else {
			quote = quote ? quote : end;
			add_plain(&form, at, (size_t)(quote - at), echoes);
			at = quote;
		}
	}
	form_done(&known);
	finish(dst, &form, echoes);
}

/* ---- requests and headers */

static void add_parameter(
	struct form *out, const char *text, size_t len, const struct echoes *echoes)
{
	static const char *const harmless[] = {"grant_type", "client_id", "client_assertion_type",
		"scope", "audience", "resource", "redirect_uri", "orgname", "token_type_hint",
		NULL};
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	char name[NAME_MAX_LEN + 1];

	if (!take_name(name, text, name_len) || !is_one_of(name, harmless) ||
		holds_known(text, len, echoes) ||
		(equals && holds_known(equals + 1, len - name_len - 1, echoes))) {
		add(out, text, equals ? name_len + 1 : 0);
		add_text(out, hidden);
	} else {
		add(out, text, len);
	}
}

void redact_form(char dst[REDACT_BODY_SIZE], const struct secret *form, const struct echoes *echoes)
{
	const char *text = secret_reveal(form);
	const char *end = text + secret_len(form);
	struct form out = {0};

	while (text < end) {
		const char *next = memchr(text, '&', (size_t)(end - text));

		add_parameter(&out, text, (size_t)((next ? next : end) - text), echoes);
		if (next) {
			add(&out, "&", 1);
		}
		text = next ? next + 1 : end;
	}
	finish(dst, &out, echoes);
}

void redact_json(char dst[REDACT_BODY_SIZE], const struct secret *json, const struct echoes *echoes)
{
	static const char *const harmless[] = {
		"deploymentid", "oauth", "redirecturi", "maxage", "iss", NULL};
	const char *at = secret_reveal(json), *end = at + secret_len(json);
	struct form out = {0};

	while (at < end) {
		size_t n = *at == '"' ? string_len(at, (size_t)(end - at)) : 1;
		bool is_name = at + n < end && at[n] == ':';
		char name[NAME_MAX_LEN + 1];

		add(&out, at, n);
		at += n;
		if (is_name &&
			(!take_name(name, at - n + 1, n - 2) || !is_one_of(name, harmless))) {
			add_text(&out, ":");
			add_text(&out, hidden_string);
			at += 1 + value_len(at + 1, (size_t)(end - at) - 1);
		}
	}
	finish(dst, &out, echoes);
}

/* Adds what may be shown of a header's value; of a URL that is what stands before its query. */
static void add_header_value(struct form *out, const char *name, const char *value, size_t len,
	const struct echoes *echoes)
{
	static const char *const with_url[] = {
		"location", "content-location", "link", "refresh", NULL};
	size_t n = 0;

	if (!is_one_of(name, with_url)) {
		add_plain(out, value, len, echoes);
		return;
	}
	while (n < len && value[n] != '?' && value[n] != '#') {
		n++;
	}
	add_plain(out, value, n, echoes);
	if (n < len) {
		add(out, value + n, 1);
		add_text(out, hidden);
	}
}

void redact_header(
	char dst[TEXT_UPSTREAM_SIZE], const char *line, size_t len, const struct echoes *echoes)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : 0;
	char name[NAME_MAX_LEN + 1];
	struct form value = {0}, form = {0};

	/* A line without a name goes on with the one before (RFC 9112 section 5.2), which may be a
	 * secret. */
	if (name_len == 0 || isspace((unsigned char)*line) || !take_name(name, line, name_len)) {
		memcpy(dst, hidden, sizeof(hidden));
		return;
	}
	add(&form, line, name_len + 1);
	if (is_secret_name(name, name_len)) {
		add_text(&form, " ***");
	} else {
		add_without_known(&value, colon + 1, len - name_len - 1, echoes);
		add_header_value(&form, name, value.text ? value.text : "", value.len, echoes);
		form.failed = form.failed || value.failed;
		form_done(&value);
	}
	text_clean(dst, form.failed ? hidden : form.text, form.failed ? strlen(hidden) : form.len,
		echoes->list, echoes->n);
	form_done(&form);
}
