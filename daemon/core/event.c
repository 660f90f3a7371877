#include "event.h"

#include <string.h>

static const char *const names[EVENT_KINDS] = {
#define X(symbol, name) [EVENT_##symbol] = (name),
	EVENT_LIST(X)
#undef X
};

const char *event_kind_name(enum event_kind kind)
{
	return names[kind];
}

bool event_kind_find(const char *name, enum event_kind *ret_kind)
{
	for (int i = 0; i < EVENT_KINDS; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_kind = (enum event_kind)i;
			return true;
		}
	}
	return false;
}
