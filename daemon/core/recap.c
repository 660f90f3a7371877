#include "recap.h"

#include "profile.h"

unsigned recap(const struct profile *profile, enum event_kind ret_kinds[RECAP_MAX],
	struct event_error *ret_error)
{
	unsigned n = 0;

	*ret_error = (struct event_error){
		.verdict = profile->verdict,
		.message = profile->last_error.message,
		.upstream_error = profile->last_error.upstream_error,
		.correlation_id = profile->last_error.correlation_id,
	};
	if (profile->token) {
		ret_kinds[n++] = EVENT_TOKEN_REFRESHED;
	}
	if (profile->login.logged_out) {
		ret_kinds[n++] = EVENT_LOGGED_OUT;
		return n;
	}
	switch (profile->verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
		break;
	case GRANT_TEMPORARY:
	case GRANT_PERMANENT:
		ret_kinds[n++] = EVENT_REFRESH_FAILED;
		break;
	case GRANT_LOGIN_REQUIRED:
		ret_kinds[n++] = EVENT_LOGIN_REQUIRED;
		if (profile->provider.step == PROVIDER_GIVEN_UP) {
			ret_kinds[n++] = EVENT_AUTH_ERROR;
		}
		break;
	}
	return n;
}
