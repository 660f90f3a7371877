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

int output_json(const cJSON *data)
{
	/* Written in place: growing would leave copies of a token behind. Untouched pages are free
	 * of cost. */
	__attribute__((cleanup(output_free_secret))) char *text = malloc(JSON_SIZE);
	size_t len = 0;

	if (!text) {
		return output_fail_memory();
	}
	if (!cJSON_PrintPreallocated((cJSON *)data, text, JSON_SIZE - 1, false)) {
		explicit_bzero(text, JSON_SIZE);
		return output_fail_memory();
	}
	len = strlen(text);
	memcpy(text + len, "\n", 2);
	return print_out(text, len + 1);
}

int output_data(bool json, const cJSON *data, show_data *print)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = NULL;
	int status = EXIT_STATUS_FAILURE;

	if (json) {
		return output_json(data);
	}
	out = open_memstream(&text, &len);
	if (!out) {
		return output_fail_memory();
	}
	print(out, data, output_now_ms());
	status = fclose(out) == 0 ? print_out(text, len) : output_fail_memory();
	free(text);
	return status;
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
