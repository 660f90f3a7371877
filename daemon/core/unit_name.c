#include "unit_name.h"

#include <string.h>

static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789:-_.\\@";
static const char suffix[] = ".service";

enum { SUFFIX_LEN = sizeof(suffix) - 1 };

enum unit_name_fault unit_name_check(const char *name)
{
	size_t len = strlen(name);
	const char *end = name + len - SUFFIX_LEN;

	if (len == 0) {
		return UNIT_NAME_EMPTY;
	}
	if (len > UNIT_NAME_BYTES_MAX) {
		return UNIT_NAME_LONG;
	}
	if (name[strspn(name, allowed)] != '\0') {
		return UNIT_NAME_BAD_CHARACTER;
	}
	if (!strchr(name, '.')) {
		return UNIT_NAME_NO_SUFFIX;
	}
	if (len <= SUFFIX_LEN || strcmp(end, suffix) != 0 || name[0] == '@') {
		return UNIT_NAME_NO_SERVICE;
	}
	/* What follows the first @ is the instance. */
	return strchr(name, '@') == end - 1 ? UNIT_NAME_TEMPLATE : UNIT_NAME_GOOD;
}
