# What tests/run and tests/demo share; to be sourced by bash.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS

# What the daemon, its client and the sandbox are built with.
build_packages=(gcc libc6-dev meson ninja-build pkg-config scdoc libevent-dev libcurl4-openssl-dev
	libcjson-dev libssl-dev libini-config-dev libsystemd-dev
	ca-certificates)

say() {
	printf '\n== %s (%d s)\n' "$*" $((SECONDS - started))
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# need PACKAGE…: installs those that are missing, as root or through sudo.
need() {
	local package missing=()

	for package; do
		dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
			missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "install these packages first: ${missing[*]}"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
		die "run this as root, or install these packages first: ${missing[*]}"
	say "Installing ${#missing[@]} packages: ${missing[*]}"
	as_root apt-get update -qq || die "apt-get update failed; see above"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" >"$logs/apt.log" 2>&1 ||
		{ tail -n 20 "$logs/apt.log" >&2; die "apt-get install failed; all of it is in $logs/apt.log"; }
}

# configure DIR OPTION…: a build directory with these options, made anew where Meson cannot use what is there.
configure() {
	local dir=$1
	shift
	if [ -d "$dir/meson-info" ]; then
		meson configure "$dir" "$@" >"$logs/setup.log" 2>&1 && return
		rm -rf "$dir"
	fi
	meson setup "$dir" "$top" "$@" >"$logs/setup.log" 2>&1 ||
		{ tail -n 20 "$logs/setup.log" >&2; die "meson setup failed; all of it is in $logs/setup.log"; }
}

# build DIR [TARGET…]
build() {
	local dir=$1
	shift
	ninja -C "$dir" "$@" >"$logs/build.log" 2>&1 ||
		{ grep -E 'error|FAILED|warning' "$logs/build.log" | head -n 40 >&2
		  die "the build failed; all of it is in $logs/build.log"; }
}
