#include "client/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/connection.h"
#include "client/print.h"
#include "proto/error.h"

/* Room for a reply that is printed again. Numbers may come out longer than they came. */
enum { JSON_SIZE = 2 * CONNECTION_REPLY_MAX };

void output_free_secret(char **text)
{
	if (*text) {
		explicit_bzero(*text, strlen(*text));
		free(*text);
	}
}

int output_fail_memory(void)
{
	print_error("out of memory");
	return EXIT_STATUS_FAILURE;
}

int64_t output_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Both return a text, which is the caller's, to be wiped; NULL when there is no memory. */
static char *render_json(const cJSON *data, size_t *ret_len)
{
	/* Written in place: growing would leave copies of a token behind. Untouched pages are free
	 * of cost. */
	char *text = malloc(JSON_SIZE);

	if (!text) {
		return NULL;
	}
	if (!cJSON_PrintPreallocated((cJSON *)data, text, JSON_SIZE - 1, false)) {
		explicit_bzero(text, JSON_SIZE);
		free(text);
		return NULL;
	}
	*ret_len = strlen(text);
	memcpy(text + *ret_len, "\n", 2);
	*ret_len += 1;
	return text;
}

static char *render_text(const cJSON *data, show_data *print, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	if (!out) {
		return NULL;
	}
	print(out, data, output_now_ms());
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *output_render(bool json, const cJSON *data, show_data *print, size_t *ret_len)
{
	return json ? render_json(data, ret_len) : render_text(data, print, ret_len);
}

int output_data(bool json, const cJSON *data, show_data *print)
{
	size_t len = 0;
	__attribute__((cleanup(output_free_secret))) char *text = output_render(
		json, data, print, &len);

	return text ? print_out(text, len) : output_fail_memory();
}

int output_json(const cJSON *data)
{
	return output_data(true, data, NULL);
}

int output_line(const char *prefix, const char *text)
{
	size_t size = strlen(prefix) + strlen(text) + sizeof("\n");
	__attribute__((cleanup(output_free_secret))) char *line = malloc(size);

	if (!line) {
		return output_fail_memory();
	}
	snprintf(line, size, "%s%s\n", prefix, text);
	return print_out(line, size - 1);
}
