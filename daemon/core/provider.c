#include "provider.h"

#include <stddef.h>

static const struct {
	enum provider_step step;
	enum provider_event event;
	enum provider_step next;
} order[] = {
	{PROVIDER_IDLE, PROVIDER_WANTED, PROVIDER_CODE},
	{PROVIDER_GIVEN_UP, PROVIDER_WANTED, PROVIDER_CODE},
	{PROVIDER_SIGNED_OUT, PROVIDER_WANTED, PROVIDER_CODE},

	{PROVIDER_CODE, PROVIDER_DONE, PROVIDER_EXCHANGE},
	{PROVIDER_CODE, PROVIDER_REFUSED, PROVIDER_REAUTHENTICATE},
	{PROVIDER_CODE, PROVIDER_NOT_SIGNED_IN, PROVIDER_SIGNED_OUT},
	{PROVIDER_CODE, PROVIDER_SILENT, PROVIDER_REAUTHENTICATE},
	{PROVIDER_CODE, PROVIDER_LEFT, PROVIDER_GIVEN_UP},

	{PROVIDER_EXCHANGE, PROVIDER_CODE_REFUSED, PROVIDER_REAUTHENTICATE},
	{PROVIDER_EXCHANGE, PROVIDER_SETTLED, PROVIDER_IDLE},

	{PROVIDER_REAUTHENTICATE, PROVIDER_DONE, PROVIDER_CODE_AGAIN},
	{PROVIDER_REAUTHENTICATE, PROVIDER_REFUSED, PROVIDER_GIVEN_UP},
	{PROVIDER_REAUTHENTICATE, PROVIDER_SILENT, PROVIDER_GIVEN_UP},
	/* A page that goes off to sign in takes its connection with it. */
	{PROVIDER_REAUTHENTICATE, PROVIDER_LEFT, PROVIDER_RETURN},
	{PROVIDER_RETURN, PROVIDER_READY, PROVIDER_CODE_AGAIN},
	{PROVIDER_RETURN, PROVIDER_SILENT, PROVIDER_GIVEN_UP},

	{PROVIDER_CODE_AGAIN, PROVIDER_DONE, PROVIDER_EXCHANGE_AGAIN},
	{PROVIDER_CODE_AGAIN, PROVIDER_REFUSED, PROVIDER_GIVEN_UP},
	{PROVIDER_CODE_AGAIN, PROVIDER_NOT_SIGNED_IN, PROVIDER_GIVEN_UP},
	{PROVIDER_CODE_AGAIN, PROVIDER_SILENT, PROVIDER_GIVEN_UP},
	{PROVIDER_CODE_AGAIN, PROVIDER_LEFT, PROVIDER_GIVEN_UP},

	{PROVIDER_EXCHANGE_AGAIN, PROVIDER_CODE_REFUSED, PROVIDER_GIVEN_UP},
	{PROVIDER_EXCHANGE_AGAIN, PROVIDER_SETTLED, PROVIDER_IDLE},
};

enum provider_step provider_next(enum provider_step step, enum provider_event event)
{
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		if (order[i].step == step && order[i].event == event) {
			return order[i].next;
		}
	}
	return step;
}

const char *errand_name(enum errand_kind kind)
{
	static const char *const names[ERRANDS] = {
		[ERRAND_CODE] = "getAuthCode",
		[ERRAND_REAUTHENTICATE] = "reAuthenticate",
		[ERRAND_SIGN_IN] = "signIn",
	};

	return names[kind];
}

bool provider_asks(enum provider_step step, enum errand_kind *ret_kind)
{
	*ret_kind = step == PROVIDER_REAUTHENTICATE ? ERRAND_REAUTHENTICATE : ERRAND_CODE;
	return step == PROVIDER_CODE || step == PROVIDER_REAUTHENTICATE ||
	       step == PROVIDER_CODE_AGAIN;
}

bool provider_is_busy(const struct provider *provider)
{
	enum errand_kind kind;

	return provider_asks(provider->step, &kind) || provider->step == PROVIDER_RETURN;
}

int64_t provider_deadline(const struct provider *provider)
{
	int64_t deadline_ms = provider_is_busy(provider) ? provider->errand.deadline_ms : INT64_MAX;

	return provider->sign_in.asked && provider->sign_in.deadline_ms < deadline_ms
		       ? provider->sign_in.deadline_ms
		       : deadline_ms;
}
