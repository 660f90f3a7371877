#include "help.h"

#include <stddef.h>
#include <stdio.h>

/* In parts: no compiler has to take a longer literal than 4095 characters. */
/* A line here is a line on the terminal. */
/* clang-format off */
static const char *const help_parts[] = {
	"Usage: gctokend-sandbox [OPTIONS]\n"
	"\n"
	"An OAuth 2.0 login server for tests. It issues tokens for client_credentials, counts what it is\n"
	"asked, and misbehaves on order. It listens on loopback alone. SIGTERM or SIGINT ends it.\n"
	"\n"
	"Options\n"
	"  --listen ADDR:PORT       plain HTTP (127.0.0.1:0; port 0 takes a free one)\n"
	"  --tls-listen ADDR:PORT   HTTPS too\n"
	"  --tls-cert FILE, --tls-key FILE\n"
	"                           its certificate and key, PEM\n"
	"  --dir DIR                without these two: make a CA and a certificate for localhost, 127.0.0.1\n"
	"                           and ::1 there (ca.pem, server.pem, keys 0600), or use those of an earlier start\n"
	"  --client-file FILE       clients: a JSON array of {\"id\", \"secret\", \"expires_in\"?, \"token_format\"?}\n"
	"  --expires-in S           lifetime of tokens, where a client has none of its own (86400)\n"
	"  --token-format F         opaque, RS256 or ES256, likewise (opaque)\n"
	"  --rules FILE             rules to start with: a JSON array, see below\n"
	"  --log FILE               one line of JSON for each token request, without form fields (0600)\n"
	"  -h, --help               this text\n"
	"\n"
	"Once it serves it prints one line and nothing else, for example\n"
	"  {\"http\":\"http://127.0.0.1:4711\",\"https\":\"https://localhost:4712\",\"ca\":\"/tmp/x/ca.pem\",\n"
	"   \"control\":\"http://127.0.0.1:4713\",\"pid\":99}\n"
	"with null for https and ca where there are none.\n"
	"\n",
	"Paths, each also under any prefix as a gateway has it (/login/oauth/token)\n"
	"  POST /oauth/token        client id and secret by Basic (both form-urlencoded first, RFC 6749 2.3.1)\n"
	"                           or as client_id and client_secret in the form; wrong ones get 400 invalid_client\n"
	"  GET  /jwks               the public keys of JWTs\n"
	"  GET  /.well-known/openid-configuration\n"
	"  GET  /api/v2/tokens/me   200 with a valid Authorization: Bearer, else 401; DELETE revokes the token\n"
	"The client `demo` with the secret `demo-secret` is always registered.\n"
	"\n"
	"    curl -u demo:demo-secret -d grant_type=client_credentials http://127.0.0.1:4711/oauth/token\n"
	"\n",
	"Control, on the plain listener and on the one printed as control, which no rule disturbs and whose\n"
	"connections are not counted. Bad input gets 400 and changes nothing.\n"
	"  POST /_sandbox/rules     an array of rules, in place of all; GET shows them with \"used\"\n"
	"  POST /_sandbox/rule      one more rule, behind the others\n"
	"  POST /_sandbox/reset     forget rules, counters and requests; clients and tokens stay\n"
	"  GET  /_sandbox/stats     token_requests, tokens_issued, connections, vanished (clients that left before\n"
	"                           their answer), in_flight, max_in_flight; the same for each client id in \"clients\"\n"
	"                           (there connections are those that began with a request of it); other_requests\n"
	"  GET  /_sandbox/requests  the last 2000 token requests: n, at_ms (since the start), client_id, path, auth\n"
	"                           (basic, post, none, both, malformed), secret_ok, fields (client_secret left out),\n"
	"                           tls, connection (its number), reused, host, user_agent, accept, correlation_id,\n"
	"                           in_flight and client_in_flight (this one included), status (null: no answer sent),\n"
	"                           outcome (pending, answered, closed, reset, vanished), duration_ms\n"
	"  POST /_sandbox/clients   add or change clients, as in --client-file: one object or an array\n"
	"  GET  /_sandbox/check?token=T, or POST {\"token\": T}\n"
	"                           {\"active\", \"client_id\", \"expires_in\"} by the server's own clock\n"
	"\n",
	"Rules. The first that matches and is not used up is applied; without one the server behaves. Members:\n"
	"  match {client_id, path}  which requests; without path: token requests, whatever their path;\n"
	"                           with it also the other paths\n"
	"  times N                  how often (for ever)\n"
	" delivery\n"
	"  delay_ms N               the answer comes late; the request counts as in flight meanwhile\n"
	"  drip {bytes, interval_ms} the answer comes in pieces (1 byte, 10 ms)\n"
	"  close WHEN               accept (unread, right after it; for rules without match), before_headers (no\n"
	"                           byte), within_headers, after_headers, within_body\n"
	"  reset true               end by a TCP reset: where close says, else before_headers\n"
	" answer\n"
	"  status N                 200 to 999; from 300 on the body is empty unless one is given\n"
	"  body TEXT                as it stands; {{access_token}} in it becomes a token; \\u0000 a NUL byte\n"
	"  body_base64 TEXT         for bytes that are not UTF-8\n"
	"  content_type TYPE        (application/json)\n"
	"  preset NAME              genesys_rate_limit (400 invalid_request, \"rate limit exceeded …\"),\n"
	"                           html (200 with a page), cut_json (200 with half of the JSON)\n"
	"  error CODE               400 with this OAuth error\n"
	"  redirect URL             302 to it\n"
	"  headers {NAME: VALUE}    more headers; null takes one away\n"
	"  retry_after S, retry_after_date S\n"
	"                           Retry-After in seconds, or as the date S seconds from now\n"
	"  date_skew_s S            the server's clock is off by S: Date, Retry-After, iat, exp\n"
	"  no_date true             no Date header\n"
	"  huge_body N              spaces before the body until it has N bytes (up to 256 MiB)\n",
	" token\n"
	"  expires_in JSON          any value as it stands (\"3600\", -1, 1e20, {}); null or expires_in_missing: no such\n"
	"                           member. A number or numeric string is also how long the token really lives\n"
	"  lifetime_s S             how long it really lives, whatever the answer says\n"
	"  refresh_in, refresh_token, token_type JSON\n"
	"                           any value as it stands\n"
	"  token JSON               the access token itself; odd bytes are welcome, \\u0000 too\n"
	"  token_size N             a token of N letters (up to 1 MiB)\n"
	"  token_format F           opaque, RS256, ES256\n"
	"  same_token true          the client's previous token again, with what is left of its life\n"
	"  claims {NAME: JSON}      changes the claims of a JWT; null takes one away\n"
	"  members {NAME: JSON}     more members of the answer; omit [NAME, …] takes some away\n"
	"\n",
	"Examples of rules\n"
	"  {\"times\": 1, \"delay_ms\": 14000}\n"
	"  {\"match\": {\"client_id\": \"demo\"}, \"times\": 3, \"status\": 503, \"retry_after\": 2}\n"
	"  {\"close\": \"within_body\"}\n"
	"  {\"expires_in\": \"3600\", \"token_type\": \"BEARER\"}\n"
	"  {\"status\": 200, \"body\": \"{\\\"access_token\\\":\\\"{{access_token}}\\\",\\\"expires_in\\\":1e999}\"}\n"
	"  {\"match\": {\"path\": \"/api/v2/tokens/me\"}, \"times\": 1, \"status\": 401}\n"
	"\n"
	"    curl -d '[{\"times\": 1, \"preset\": \"genesys_rate_limit\"}]' http://127.0.0.1:4713/_sandbox/rules\n"
	"\n"
	"Limits: a form of 64 KiB and 64 fields, control input of 4 MiB, 1000 rules, 4096 clients, the last\n"
	"16384 tokens. Numbers in rules pass through a double; use body for others.\n",
};
/* clang-format on */

void help_print(void)
{
	for (size_t i = 0; i < sizeof(help_parts) / sizeof(help_parts[0]); i++) {
		fputs(help_parts[i], stdout);
	}
}
