#include "config_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_secrets.h"
#include "config_values.h"
#include "tls.h"

static void read_ca_file(const struct config_values *values, struct settings *settings)
{
	struct stat status;
	const char *why;
	int fd;

	settings->ca_file = config_values_path(values, CONFIG_KEY_TLS_CA_FILE);
	if (!settings->ca_file) {
		return;
	}
	fd = open(settings->ca_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		config_values_error(values, CONFIG_KEY_TLS_CA_FILE, "%s cannot be read: %s",
			settings->ca_file, strerror(errno));
		return;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		config_values_error(values, CONFIG_KEY_TLS_CA_FILE, "%s is not a regular file",
			settings->ca_file);
	} else if (values->tls && !tls_store(values->tls, settings->ca_file, &why)) {
		config_values_error(values, CONFIG_KEY_TLS_CA_FILE, "%s", why);
	}
	close(fd);
}

/* A certificate without its key proves nothing, and the other way round. What stands in [tls] is
 * not told again for each profile. */
static void check_pair(const struct config_values *values)
{
	bool cert = config_secrets_written(values, SETTINGS_TLS_CERT);
	bool key = config_secrets_written(values, SETTINGS_TLS_KEY);

	if (values->section && !config_secrets_own(values, SETTINGS_TLS_CERT) &&
		!config_secrets_own(values, SETTINGS_TLS_KEY) &&
		!config_secrets_own(values, SETTINGS_TLS_PASSPHRASE)) {
		return;
	}
	if (cert && !key) {
		config_values_error(values, CONFIG_KEY_TLS_KEY_FILE,
			"this is missing; write the key that goes with the client's certificate "
			"(one file may hold both: name it twice)");
	} else if (key && !cert) {
		config_values_error(values, CONFIG_KEY_TLS_CERT_FILE,
			"this is missing; write the certificate that goes with the client's key");
	} else if (!key && config_secrets_written(values, SETTINGS_TLS_PASSPHRASE)) {
		config_values_error(values, CONFIG_KEY_TLS_KEY_FILE,
			"this is missing; write the key that the passphrase is for");
	}
}

void config_tls_read(const struct config_values *values, struct settings *settings)
{
	read_ca_file(values, settings);
	config_secrets_read(values, SETTINGS_TLS_CERT, settings);
	config_secrets_read(values, SETTINGS_TLS_KEY, settings);
	config_secrets_read(values, SETTINGS_TLS_PASSPHRASE, settings);
	check_pair(values);
}
