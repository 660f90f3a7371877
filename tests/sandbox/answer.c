#include "answer.h"

#include "json.h"
#include "mem.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define PAD_BLOCK 65536

static const struct {
	int status;
	const char *reason;
} answer_reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{413, "Content Too Large"},
	{425, "Too Early"},
	{429, "Too Many Requests"},
	{500, "Internal Server Error"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
};

const char *answer_reason(int status)
{
	for (size_t i = 0; i < sizeof(answer_reasons) / sizeof(answer_reasons[0]); i++) {
		if (answer_reasons[i].status == status) {
			return answer_reasons[i].reason;
		}
	}
	return "Unnamed";
}

struct answer *answer_new(int status)
{
	struct answer *answer = mem_new(sizeof(*answer));
	answer->status = status;
	answer->body = evbuffer_new();
	TAILQ_INIT(&answer->headers);
	answer_set_date(answer, "Date", time(NULL));
	return answer;
}

void answer_free(struct answer *answer)
{
	if (!answer) {
		return;
	}
	evhttp_clear_headers(&answer->headers);
	evbuffer_free(answer->body);
	free(answer);
}

void answer_set_header(struct answer *answer, const char *name, const char *value)
{
	while (evhttp_remove_header(&answer->headers, name) == 0) {
	}
	if (value) {
		evhttp_add_header(&answer->headers, name, value);
	}
}

void answer_set_date(struct answer *answer, const char *name, time_t when)
{
	char text[64];
	struct tm parts;
	/* The program never calls setlocale(), so the names are English. */
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &parts));
	answer_set_header(answer, name, text);
}

void answer_set_body(struct answer *answer, const char *type, const void *data, size_t len)
{
	evbuffer_drain(answer->body, evbuffer_get_length(answer->body));
	evbuffer_add(answer->body, data, len);
	if (type) {
		answer_set_header(answer, "Content-Type", type);
	}
}

void answer_set_json(struct answer *answer, const cJSON *json)
{
	char *text = json_print(json);
	answer_set_body(answer, "application/json", text, strlen(text));
	free(text);
}

struct answer *answer_error(int status, const char *error, const char *description)
{
	struct answer *answer = answer_new(status);
	cJSON *json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "error", error);
	cJSON_AddStringToObject(json, "description", description);
	cJSON_AddStringToObject(json, "error_description", description);
	answer_set_json(answer, json);
	cJSON_Delete(json);
	return answer;
}

struct answer *answer_api_error(int status, const char *code, const char *message)
{
	struct answer *answer = answer_new(status);
	cJSON *json = cJSON_CreateObject();
	cJSON_AddNumberToObject(json, "status", status);
	cJSON_AddStringToObject(json, "code", code);
	cJSON_AddStringToObject(json, "message", message);
	answer_set_json(answer, json);
	cJSON_Delete(json);
	return answer;
}

void answer_cut_body(struct answer *answer)
{
	struct evbuffer *half = evbuffer_new();
	evbuffer_remove_buffer(answer->body, half, evbuffer_get_length(answer->body) / 2);
	evbuffer_free(answer->body);
	answer->body = half;
}

void answer_pad_body(struct answer *answer, size_t size)
{
	static char spaces[PAD_BLOCK];
	memset(spaces, ' ', sizeof(spaces));
	size_t len = evbuffer_get_length(answer->body);
	struct evbuffer *padded = evbuffer_new();
	/* References to one block: a body of any size costs no memory. */
	for (size_t left = size > len ? size - len : 0; left > 0;) {
		size_t part = left < sizeof(spaces) ? left : sizeof(spaces);
		evbuffer_add_reference(padded, spaces, part, NULL, NULL);
		left -= part;
	}
	evbuffer_add_buffer(padded, answer->body);
	evbuffer_free(answer->body);
	answer->body = padded;
}

struct evbuffer *answer_render(struct answer *answer)
{
	size_t body_len = evbuffer_get_length(answer->body);
	struct evbuffer *out = evbuffer_new();
	if (answer->cut == ANSWER_CUT_BEFORE_HEADERS) {
		return out;
	}
	answer_set_header(answer, "Connection", "close");
	if (!evhttp_find_header(&answer->headers, "Content-Length") &&
		!evhttp_find_header(&answer->headers, "Transfer-Encoding")) {
		char length[32];
		snprintf(length, sizeof(length), "%zu", body_len);
		answer_set_header(answer, "Content-Length", length);
	}
	evbuffer_add_printf(
		out, "HTTP/1.1 %d %s\r\n", answer->status, answer_reason(answer->status));
	const struct evkeyval *header;
	TAILQ_FOREACH (header, &answer->headers, next) {
		if (answer->cut == ANSWER_CUT_WITHIN_HEADERS) {
			evbuffer_add(out, header->key, strlen(header->key) / 2);
			return out;
		}
		evbuffer_add_printf(out, "%s: %s\r\n", header->key, header->value);
	}
	evbuffer_add(out, "\r\n", 2);
	if (answer->cut == ANSWER_CUT_WITHIN_BODY) {
		evbuffer_remove_buffer(answer->body, out, body_len / 2);
	} else if (answer->cut == ANSWER_WHOLE) {
		evbuffer_add_buffer(out, answer->body);
	}
	return out;
}
