#!/bin/sh
# Installs what building and checking need beyond npm, on Debian 12 or Ubuntu 22.04 and later. Run as root; a second run is quick.
set -eu

packages="
  bindfs fuse3 libfaketime rsync
  binutils g++
  binutils-aarch64-linux-gnu g++-aarch64-linux-gnu
  libatomic1 libstdc++6
  qemu-user-static
"

missing=""
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends $missing
