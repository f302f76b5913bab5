#!/usr/bin/env bash
# scripts/bare-debian.sh [DEB]: from a bare Debian with the package to the first complete audit, metrics on the dashboard, an
# alert that fires, and CDRs: the commands that it takes, carried out one by one, and how long that took. Needs root and
# debootstrap. The bare Debian is a folder, thrown away in the end, with a network of its own that has nothing but loopback;
# what systemd would do in it does a stand-in for systemctl, which runs a unit's command as the unit's user.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 64; }
version=$(sed -nE 's|^ *<Version>(.*)</Version>$|\1|p' Directory.Build.props)
deb=${1:-artifacts/callserver_${version}_amd64.deb}
[ -e "$deb" ] || DEB_LEVEL=1 scripts/package.sh --only deb >/dev/null

bare=$(mktemp -d)
chmod 755 "$bare" # it is the root of other users, too
log=$(mktemp)
finish() {
  local status=$?
  trap - EXIT
  [ $status -eq 0 ] || { echo "not done"; tail -n 40 "$log"; }
  umount "$bare/proc" 2>/dev/null || true
  rm -rf --one-file-system "$bare" "$log"
  exit $status
}
trap finish EXIT

# The bare Debian: this machine's release, from this machine's mirror.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
  sed -nE "s/^([^ ]+) $VERSION_CODENAME main\$/\1/p" | head -n 1)
mirror=${mirror%/}
echo "a bare Debian $VERSION_ID ..."
debootstrap --variant=minbase "$VERSION_CODENAME" "$bare" "$mirror" >"$log" 2>&1
# What this machine needs to reach its mirror.
cp /etc/resolv.conf "$bare/etc/" 2>/dev/null || true
cp "$deb" "$bare/root/callserver.deb"
mount -t proc proc "$bare/proc"
install -m 755 scripts/bare-debian/systemctl "$bare/usr/local/bin/systemctl"
printf '#!/bin/sh\nexit 101\n' >"$bare/usr/sbin/policy-rc.d"
chmod 755 "$bare/usr/sbin/policy-rc.d"
install -m 755 scripts/bare-debian/story.sh "$bare/root/story.sh"
install -m 644 scripts/bare-debian/endpoint.pl "$bare/root/endpoint.pl"

# The first command reaches the mirror, the others nothing: they run without this machine's network.
if ! chroot "$bare" /root/story.sh install; then exit 1; fi
umount "$bare/proc"
unshare --net --pid --fork --mount --kill-child bash -c '
  mount --make-rprivate /
  mount -t proc proc "$1/proc"
  ip link set lo up
  exec chroot "$1" /root/story.sh rest' bare "$bare"
