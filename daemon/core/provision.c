#include "provision.h"

#include "flight.h"
#include "profile.h"
#include "settings.h"

static void ask(struct flights *flights, struct profile *profile, struct errand *errand,
	enum errand_kind kind, int64_t now_ms)
{
	const struct settings *settings = profile->settings;

	*errand = (struct errand){
		.kind = kind,
		.profile = profile,
		.asked = true,
		.deadline_ms = now_ms + (kind == ERRAND_CODE ? settings->auth_code_timeout_ms
							     : settings->sign_in_timeout_ms),
	};
	flights->ops->ask(flights->context, errand);
}

/* One that was answered is left alone. */
static void unask(struct flights *flights, struct errand *errand)
{
	if (errand->asked) {
		errand->asked = false;
		flights->ops->unask(flights->context, errand);
	}
}

enum provider_step provision_step(
	struct flights *flights, struct profile *profile, enum provider_event event, int64_t now_ms)
{
	struct provider *provider = &profile->provider;
	enum provider_step next = provider_next(provider->step, event);
	enum errand_kind kind;

	if (next != provider->step) {
		unask(flights, &provider->errand);
		provider->step = next;
		if (provider_asks(next, &kind)) {
			ask(flights, profile, &provider->errand, kind, now_ms);
		}
	}
	return next;
}

void provision_sign_in(struct flights *flights, struct profile *profile, int64_t now_ms)
{
	if (!profile->provider.sign_in.asked) {
		profile->provider.sign_in_ms = now_ms;
		ask(flights, profile, &profile->provider.sign_in, ERRAND_SIGN_IN, now_ms);
	}
}

void provision_end_sign_in(struct flights *flights, struct profile *profile)
{
	unask(flights, &profile->provider.sign_in);
}

void provision_end_order(struct flights *flights, struct profile *profile)
{
	unask(flights, &profile->provider.errand);
	profile->provider.step = PROVIDER_IDLE;
}

void provision_end(struct flights *flights, struct profile *profile)
{
	provision_end_order(flights, profile);
	provision_end_sign_in(flights, profile);
}
