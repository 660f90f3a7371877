#include "date.h"

#include <string.h>
#include <time.h>

enum { YEAR_MIN = 1970, HOUR_MIN = 60, MIN_S = 60 };

/* Reads exactly that many digits from *text, and goes on behind them. */
static bool take_number(const char **text, int digits, int max, int *ret_number)
{
	int number = 0;

	for (; digits > 0; digits--, (*text)++) {
		if (**text < '0' || **text > '9') {
			return false;
		}
		number = number * 10 + (**text - '0');
	}
	*ret_number = number;
	return number <= max;
}

static bool take_one_of(const char **text, const char *characters)
{
	if (**text == '\0' || !strchr(characters, **text)) {
		return false;
	}
	(*text)++;
	return true;
}

/* Digits behind a second, as milliseconds. */
static bool take_fraction(const char **text, int *ret_ms)
{
	int unit = 100;

	*ret_ms = 0;
	if (!take_one_of(text, ".")) {
		return true;
	}
	if (**text < '0' || **text > '9') {
		return false;
	}
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		*ret_ms += unit * (**text - '0');
		unit /= 10;
	}
	return true;
}

/* Z, or an offset from it in seconds. */
static bool take_offset(const char **text, int *ret_s)
{
	int sign = **text == '-' ? -1 : 1, hours, minutes;

	*ret_s = 0;
	if (take_one_of(text, "Zz")) {
		return true;
	}
	if (!take_one_of(text, "+-") || !take_number(text, 2, 23, &hours) ||
		!take_one_of(text, ":") || !take_number(text, 2, 59, &minutes)) {
		return false;
	}
	*ret_s = sign * (hours * HOUR_MIN + minutes) * MIN_S;
	return true;
}

bool date_parse(const char *text, int64_t *ret_unix_ms)
{
	int year, month, day, hour, minute, second, ms, offset_s;
	struct tm tm;
	time_t seconds;

	if (!take_number(&text, 4, 9999, &year) || !take_one_of(&text, "-") ||
		!take_number(&text, 2, 12, &month) || !take_one_of(&text, "-") ||
		!take_number(&text, 2, 31, &day) || !take_one_of(&text, "Tt ") ||
		!take_number(&text, 2, 23, &hour) || !take_one_of(&text, ":") ||
		!take_number(&text, 2, 59, &minute) || !take_one_of(&text, ":") ||
		!take_number(&text, 2, 60, &second) || !take_fraction(&text, &ms) ||
		!take_offset(&text, &offset_s) || *text != '\0' || year < YEAR_MIN) {
		return false;
	}
	tm = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	seconds = timegm(&tm);
	/* timegm() takes the 30th of February for the 2nd of March, and the month 0 for December.
	 */
	if (tm.tm_mon != month - 1 || tm.tm_mday != day) {
		return false;
	}
	seconds += (hour * HOUR_MIN + minute) * MIN_S + second - offset_s;
	*ret_unix_ms = (int64_t)seconds * 1000 + ms;
	return true;
}
