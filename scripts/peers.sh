#!/usr/bin/env bash
# scripts/peers.sh: installs the third-party software that the interop tests run against, and what the tests of the packages
# need (Debian packages; needs root). It starts nothing: every test starts its own peers on loopback and stops them.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
packages=(
  snmpd snmp libsnmp-dev gcc python3 snmpsim tshark sqlite3
  rtpengine-daemon redis-server osmo-mgw erlang-base erlang-megaco
  kamailio kamailio-presence-modules kamailio-xml-modules kamailio-sqlite-modules kamailio-json-modules kamailio-utils-modules
  kamailio-extra-modules sip-tester
  freeradius freeradius-utils
  prometheus prometheus-snmp-exporter
  postgresql
  chromium
  # scripts/package-test.sh, scripts/bare-debian.sh
  socat strace lintian systemd man-db groff-base jq curl procps iproute2 debootstrap python3-yaml
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && { echo "all peers are installed: ${packages[*]}"; exit 0; }
# A freshly installed service would start on its well-known port; this forbids it while installing.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' > $policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
# The package of PostgreSQL would make a cluster of its own.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
