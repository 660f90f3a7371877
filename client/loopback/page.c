#include "client/loopback/page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/print.h"

enum { SHOWN_SIZE = 8 * 1024 /* of a text from outside */ };

static const struct {
	int status;
	const char *title, *text;
} verdicts[GATE_VERDICTS] = {
	[GATE_FRAGMENT] = {200, "Signing in",
		"If nothing happens, allow scripts for this page and reload it, or press Ctrl-C in "
		"the terminal and use gctoken login --no-browser."},
	[GATE_WRONG_ORIGIN] = {403, "Another page",
		"This was sent by a page that is not of the sign-in, and is not taken."},
	[GATE_OPENED] = {409, "Opened before",
		"This sign-in goes on where this page was opened first. If you have closed that "
		"window, press Ctrl-C in the terminal, and begin again with gctoken login."},
	[GATE_WRONG_USER] = {403, "Another user",
		"This sign-in is of another user of this machine, or the system does not tell "
		"whose browser this is. If it is yours, use gctoken login --no-browser."},
	[GATE_WRONG_HOST] = {421, "Not here",
		"This address leads here by another name than its own. Open the address that "
		"gctoken login has printed."},
	[GATE_NOT_FOUND] = {404, "Not found",
		"There is nothing here. Open the address that gctoken login has printed."},
	[GATE_NO_COOKIE] = {403, "Another browser",
		"What brought you here was not begun in this browser, and is not taken. Go on in "
		"the browser that gctoken login has opened."},
	[GATE_NO_ANSWER] = {400, "No answer",
		"The login server has sent you back with neither a code nor an error. Press Ctrl-C "
		"in the terminal, and begin again with gctoken login."},
	[GATE_WRONG_STATE] = {403, "Another sign-in",
		"What brought you here is not of the sign-in that gctoken login waits for, and is "
		"not taken. Go on in the window that it has opened."},
	[GATE_OVER] = {410, "Over", "This sign-in has ended. The terminal tells how."},
};

static const char style[] =
	"body{margin:0;background:#f4f4f2;color:#222;font:18px/1.5 system-ui,sans-serif}"
	"main{max-width:34em;margin:12vh auto 0;padding:1.5em 2em;background:#fff;"
	"border-top:6px solid #b3261e;box-shadow:0 1px 4px #0003}"
	"main.good{border-color:#1b7f3b}"
	"h1{margin:0 0 .5em;font-size:1.5em}p{margin:.5em 0;overflow-wrap:anywhere}"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.25em 1.5em;margin:1em 0}"
	"dt{color:#666}dd{margin:0;overflow-wrap:anywhere}"
	"@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}"
	"main{background:#242424}dt{color:#aaa}}";

/* What stands behind the # goes no further than here, and the browser is made to forget it. */
static const char script[] =
	"const names = ['access_token', 'expires_in', 'state', 'error', 'error_description'];\n"
	"const fragment = new URLSearchParams(location.hash.slice(1));\n"
	"const form = document.forms[0];\n"
	"history.replaceState(null, '', location.pathname);\n"
	"for (const name of names.filter((name) => fragment.has(name))) {\n"
	"  form.append(Object.assign(document.createElement('input'),\n"
	"    { type: 'hidden', name, value: fragment.get(name) }));\n"
	"}\n"
	"form.submit();\n";

/* Of text stands what can be seen, and nothing of it is HTML. */
static void put_text(FILE *out, const char *text)
{
	char shown[SHOWN_SIZE];

	print_escape(shown, sizeof(shown), text);
	for (const char *c = shown; *c != '\0'; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*c, out);
		}
	}
}

static void put_row(FILE *out, const char *label, const char *text)
{
	if (text) {
		fprintf(out, "<dt>%s</dt><dd>", label);
		put_text(out, text);
		fputs("</dd>", out);
	}
}

/* Returns where the page's text goes on, to be ended by end(); NULL with errno set. */
static FILE *begin(struct page *page, int status, bool good, const char *title, size_t *ret_len)
{
	FILE *out = NULL;
	int r = random_text(page->nonce);

	page->status = status;
	page->html = NULL;
	page->posts = false;
	if (r == 0) {
		out = open_memstream(&page->html, ret_len);
	} else {
		errno = -r;
	}
	if (out) {
		/* The icon keeps browsers from asking for one. */
		fprintf(out,
			"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
			"<meta name=\"viewport\" content=\"width=device-width\">"
			"<link rel=\"icon\" href=\"data:,\"><title>%s</title>"
			"<style nonce=\"%s\">%s</style></head>\n<body><main%s><h1>%s</h1>\n",
			title, page->nonce, style, good ? " class=\"good\"" : "", title);
	}
	return out;
}

static int end(FILE *out)
{
	fputs("</main></body></html>\n", out);
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

int page_verdict(struct page *page, enum gate_verdict verdict)
{
	size_t len;
	FILE *out = begin(page, verdicts[verdict].status, verdict == GATE_FRAGMENT,
		verdicts[verdict].title, &len);

	if (!out) {
		return -errno;
	}
	fprintf(out, "<p>%s</p>\n", verdicts[verdict].text);
	page->posts = verdict == GATE_FRAGMENT;
	if (page->posts) {
		fprintf(out, "<form method=\"post\"></form><script nonce=\"%s\">%s</script>\n",
			page->nonce, script);
	}
	return end(out);
}

int page_signed_in(
	struct page *page, const char *profile, const char *account, const char *login_url)
{
	size_t len;
	FILE *out = begin(page, 200, true, "Signed in", &len);

	if (!out) {
		return -errno;
	}
	fputs("<dl>", out);
	put_row(out, "Account", account);
	put_row(out, "Profile", profile);
	put_row(out, "Login server", login_url);
	fputs("</dl>\n<p>gctokend has the token. You may close this window.</p>\n", out);
	return end(out);
}

int page_failed(struct page *page, const char *profile, const char *why, bool goes_on)
{
	size_t len;
	FILE *out = begin(page, 200, false, goes_on ? "Not signed in yet" : "Not signed in", &len);

	if (!out) {
		return -errno;
	}
	fputs("<p>", out);
	put_text(out, why);
	fputs("</p>\n<dl>", out);
	put_row(out, "Profile", profile);
	fputs("</dl>\n", out);
	return end(out);
}

void page_done(struct page *page)
{
	free(page->html);
	page->html = NULL;
}
