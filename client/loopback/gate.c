#include "client/loopback/gate.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
	NAME_SIZE = 24,           /* of the cookie */
	COOKIE_LIFE_S = 600 + 60, /* a little more than a state has */
};

/* Cookies know no ports: sign-ins that go on at once are told apart by its name. */
static void cookie_name(const struct gate *gate, char ret[NAME_SIZE])
{
	snprintf(ret, NAME_SIZE, "gctoken_login_%d", gate->place->port);
}

/* In a time that does not tell how far they are the same. */
static bool is_same(const char *known, const char *other, size_t len)
{
	unsigned char differs = strlen(known) != len;

	for (size_t i = 0; known[i] != '\0' && i < len; i++) {
		differs |= (unsigned char)(known[i] ^ other[i]);
	}
	return differs == 0;
}

/* RFC 6265 section 4.2.1: name=value; name=value. */
static bool has_cookie(const struct gate *gate, const char *header)
{
	char name[NAME_SIZE];
	size_t name_len;

	cookie_name(gate, name);
	name_len = strlen(name);
	while (header && *header != '\0') {
		size_t len;

		header += strspn(header, "; ");
		len = strcspn(header, ";");
		if (len > name_len && header[name_len] == '=' &&
			memcmp(header, name, name_len) == 0 &&
			is_same(gate->cookie, header + name_len + 1, len - name_len - 1)) {
			return true;
		}
		header += len;
	}
	return false;
}

static enum gate_verdict judge_page(struct gate *gate)
{
	if (!gate->opened) {
		gate->opened = true;
		return GATE_GO_ON;
	}
	return GATE_OPENED;
}

static enum gate_verdict judge_answer(struct gate *gate, const struct redirect *redirect)
{
	if (!redirect->state || !is_same(gate->state, redirect->state, strlen(redirect->state))) {
		return GATE_WRONG_STATE;
	}
	gate->over = true;
	return GATE_CAME_BACK;
}

/* A fragment, by the page that it came to. */
static enum gate_verdict judge_post(
	struct gate *gate, const struct gate_request *request, struct redirect *redirect)
{
	char origin[PLACE_ORIGIN_SIZE];

	place_origin(gate->place, origin);
	if (!request->origin || strcmp(request->origin, origin) != 0) {
		return GATE_WRONG_ORIGIN;
	}
	if (!request->body || !redirect_read_part(redirect, request->body)) {
		return GATE_NO_ANSWER;
	}
	return judge_answer(gate, redirect);
}

static enum gate_verdict judge_return(
	struct gate *gate, const struct gate_request *request, struct redirect *redirect)
{
	if (request->post) {
		return judge_post(gate, request, redirect);
	}
	if (!request->query || !redirect_read_part(redirect, request->query)) {
		return gate->takes_token ? GATE_FRAGMENT : GATE_NO_ANSWER;
	}
	return judge_answer(gate, redirect);
}

void gate_init(struct gate *gate, const struct place *place, const char *state, bool takes_token,
	const char page[RANDOM_SIZE], const char cookie[RANDOM_SIZE])
{
	*gate = (struct gate){.place = place, .state = state, .takes_token = takes_token};
	snprintf(gate->page, sizeof(gate->page), "/%s", page);
	snprintf(gate->cookie, sizeof(gate->cookie), "%s", cookie);
}

enum gate_verdict gate_judge(
	struct gate *gate, const struct gate_request *request, struct redirect *ret_redirect)
{
	char authority[PLACE_AUTHORITY_SIZE];
	bool known = gate->opened && has_cookie(gate, request->cookie);

	place_authority(gate->place, authority);
	if (!request->ours) {
		return GATE_WRONG_USER;
	}
	if (!request->host || strcmp(request->host, authority) != 0) {
		return GATE_WRONG_HOST;
	}
	if (gate->over) {
		return GATE_OVER;
	}
	if (!request->post && is_same(gate->page, request->path, strlen(request->path))) {
		return judge_page(gate);
	}
	if (!place_is_path(gate->place, request->path) || (request->post && !gate->takes_token)) {
		return GATE_NOT_FOUND;
	}
	return known ? judge_return(gate, request, ret_redirect) : GATE_NO_COOKIE;
}

void gate_set_cookie(const struct gate *gate, bool keep, char ret[GATE_COOKIE_SIZE])
{
	char name[NAME_SIZE];

	cookie_name(gate, name);
	/* Lax: the login server's site sends the browser back, by a link and not by a form. */
	snprintf(ret, GATE_COOKIE_SIZE, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", name,
		keep ? gate->cookie : "", keep ? COOKIE_LIFE_S : 0);
}
