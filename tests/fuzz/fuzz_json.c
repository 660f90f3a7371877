#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/escape.h"
#include "proto/json.h"

/* What was taken is taken again when it is printed, and says the same. */
static void check_tree(const cJSON *tree)
{
	char *text = cJSON_PrintUnformatted(tree);
	cJSON *again;

	assert(text);
	assert(json_parse(text, strlen(text), &again) == JSON_OK);
	assert(cJSON_Compare(tree, again, true));
	cJSON_Delete(again);
	cJSON_free(text);
}

static void check_parse(const char *text, size_t len)
{
	cJSON *tree = NULL;
	enum json_status status = json_parse(text, len, &tree);

	assert(escape_is_utf8(text, len) == (status != JSON_NOT_UTF8));
	assert((tree != NULL) == (status == JSON_OK));
	if (status == JSON_OK) {
		assert(!memchr(text, '\0', len));
		check_tree(tree);
		cJSON_Delete(tree);
	}
}

/* Any bytes, quoted, are a JSON string, and the same text where they were UTF-8. */
static void check_quote(const char *text, size_t len)
{
	char *quoted = malloc(ESCAPE_QUOTED_MAX(len) + 1);
	size_t quoted_len = escape_quote(quoted, text, len);
	cJSON *tree;

	assert(quoted_len <= ESCAPE_QUOTED_MAX(len));
	quoted[quoted_len] = '\0';
	if (memchr(text, '\0', len)) {
		assert(json_parse(quoted, quoted_len, &tree) == JSON_HAS_NUL);
	} else {
		assert(json_parse(quoted, quoted_len, &tree) == JSON_OK);
		assert((strcmp(cJSON_GetStringValue(tree), text) == 0) ==
			escape_is_utf8(text, len));
		cJSON_Delete(tree);
	}
	free(quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (size > 0) {
		memcpy(text, data, size);
	}
	text[size] = '\0';
	check_parse(text, size);
	check_quote(text, size);
	free(text);
	return 0;
}
