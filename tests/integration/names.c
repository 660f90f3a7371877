/*
 * To be preloaded into a proxy: every name below .test is this machine. gctokend itself is not told
 * so: for it there are no such names.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

static int is_test(const char *name)
{
	static const char suffix[] = ".test";
	size_t len = strlen(name);

	return len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0;
}

int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name && is_test(name) ? "127.0.0.1" : name, service, req, pai);
}
