# SPDX-License-Identifier: MIT
# Sourced by the scripts that install Debian packages. Not a command.

# installed PACKAGE: whether dpkg has it, under this name or as provided by another.
installed() {
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "need root for: $* (and there is no sudo)" >&2
		return 1
	fi
}

# install PACKAGE...: those that are missing, after saying which.
install() {
	local p missing=()
	for p in "$@"; do
		installed "$p" || missing+=("$p")
	done
	if [ ${#missing[@]} = 0 ]; then
		return 0
	fi
	command -v apt-get >/dev/null || {
		echo "this machine has no apt-get; install by hand: ${missing[*]}" >&2
		return 1
	}
	echo "installing: ${missing[*]}"
	as_root apt-get -qq update </dev/null
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install "${missing[@]}" </dev/null >/dev/null
}
