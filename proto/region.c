#include "region.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

static const struct {
	const char *name;
	const char *domain;
} regions[] = {
	{"us-east-1", "mypurecloud.com"},
	{"eu-west-1", "mypurecloud.ie"},
	{"ap-southeast-2", "mypurecloud.com.au"},
	{"ap-northeast-1", "mypurecloud.jp"},
	{"eu-central-1", "mypurecloud.de"},
	{"us-west-2", "usw2.pure.cloud"},
	{"ca-central-1", "cac1.pure.cloud"},
	{"ap-northeast-2", "apne2.pure.cloud"},
	{"eu-west-2", "euw2.pure.cloud"},
	{"ap-south-1", "aps1.pure.cloud"},
	{"us-east-2", "use2.us-gov-pure.cloud"},
	{"sa-east-1", "sae1.pure.cloud"},
	{"me-central-1", "mec1.pure.cloud"},
	{"ap-northeast-3", "apne3.pure.cloud"},
	{"eu-central-2", "euc2.pure.cloud"},
	{"mx-central-1", "mxc1.pure.cloud"},
	{"ap-southeast-1", "apse1.pure.cloud"},
	{"eusc-de-east-1", "edee1.eusc-pure.cloud"},
};

enum { REGIONS = sizeof(regions) / sizeof(regions[0]) };

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return (char)(c - 'A' + 'a');
	}
	if (c == '_') {
		return '-';
	}
	return c;
}

static bool same_name(const char *written, const char *name)
{
	while (*name && fold(*written) == *name) {
		written++;
		name++;
	}
	return *written == *name;
}

const char *region_domain(const char *name)
{
	for (size_t i = 0; i < REGIONS; i++) {
		if (same_name(name, regions[i].name)) {
			return regions[i].domain;
		}
	}
	return NULL;
}

const char *region_of_domain(const char *domain)
{
	for (size_t i = 0; i < REGIONS; i++) {
		if (strcasecmp(domain, regions[i].domain) == 0) {
			return regions[i].name;
		}
	}
	return NULL;
}
