/*
 * To be preloaded: resolves every name to 127.0.0.1, but only after $SLOW_RESOLVER_SECONDS.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	const char *seconds = getenv("SLOW_RESOLVER_SECONDS");
	unsigned left = seconds ? (unsigned)strtoul(seconds, NULL, 10) : 0;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	while (left) {
		left = sleep(left);
	}
	return real(name ? "127.0.0.1" : NULL, service, req, pai);
}
