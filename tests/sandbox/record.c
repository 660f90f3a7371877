#include "record.h"

#include "server.h"

#include <event2/http.h>

void record_add(cJSON *record, const char *name, const char *text)
{
	cJSON_AddItemToObject(record, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void add_header(
	cJSON *record, const char *name, const struct server_request *request, const char *header)
{
	record_add(record, name, evhttp_find_header(request->headers, header));
}

cJSON *record_new(const struct server_request *request)
{
	cJSON *record = cJSON_CreateObject();
	cJSON_AddStringToObject(record, "method", request->method);
	cJSON_AddStringToObject(record, "path", request->path);
	cJSON_AddBoolToObject(record, "tls", request->kind == SERVER_TLS);
	cJSON_AddNumberToObject(record, "connection", (double)request->connection);
	cJSON_AddBoolToObject(record, "reused", request->earlier > 0);
	record_add(record, "certificate", request->certificate);
	add_header(record, "host", request, "Host");
	add_header(record, "user_agent", request, "User-Agent");
	add_header(record, "accept", request, "Accept");
	add_header(record, "content_type", request, "Content-Type");
	return record;
}
