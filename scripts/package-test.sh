#!/usr/bin/env bash
# scripts/package-test.sh [--built]: builds the packages (or takes those of an earlier run), installs an older one, runs the service's command as its user and as its
# unit would, audits a simulated gateway, upgrades, stops, removes and purges. Needs root and Debian, and what
# scripts/peers.sh installs; no systemd runs for it. It leaves the machine as it was but for the user `callserver`, and can
# be run again. Its last line counts the checks.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive DEB_LEVEL=${DEB_LEVEL:-1}
older=0.0.9
newer=$(sed -nE 's|^ *<Version>(.*)</Version>$|\1|p' Directory.Build.props)
unit=/usr/lib/systemd/system/callserver.service
configuration=/etc/callserver/callserver.json
data=/var/lib/callserver

[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 64; }
# It purges the package in the end: an installed one is somebody's, unless it is left from an earlier run.
marker=/var/cache/callserver-package-test
if [ -e "$data" ] && [ ! -e $marker ]; then echo "CallServer is installed here, with data in $data" >&2; exit 64; fi
touch $marker

work=$(mktemp -d)
# The server has a /tmp of its own, and must reach this socket.
socket=/run/callserver-package-test.$$
children=()
passed=0 failed=0

finish() {
  local status=$?
  trap - EXIT
  set +e
  for child in "${children[@]}"; do kill -TERM "$child" 2>/dev/null; done
  wait 2>/dev/null
  dpkg --purge callserver callserver-fd >/dev/null 2>&1
  rm -rf "$work" $marker $socket
  [ $status -eq 0 ] || { echo "ended early"; failed=$((failed + 1)); }
  echo "The packages: $passed checks hold, $failed do not."
  [ $failed -eq 0 ]
  exit
}
trap finish EXIT

# check NAME COMMAND...: one test.
check() {
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "passed  $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name: $*"
    sed 's/^/          /' <<<"$said" | tail -n 20
  fi
}

# within SECONDS COMMAND...: until the command succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { "$@"; return; }
    sleep 0.2
  done
}

says() { grep -qF -- "$2" "$1"; }
is() { [ "$1" = "$2" ] || { echo "is $1, not $2"; return 1; }; }
not() { ! "$@"; }
mode() { stat -c '%a %U:%G' "$1"; }

# of KEY: what the installed unit says, each value on a line.
of() { sed -n "s/^$1=//p" $unit; }

echo "== packages"
if [ "${1:-}" != --built ]; then
  scripts/package.sh --only deb $older >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; exit 1; }
  scripts/package.sh >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; exit 1; }
fi
old=artifacts/callserver_${older}_amd64.deb new=artifacts/callserver_${newer}_amd64.deb fd=artifacts/callserver-fd_${newer}_amd64.deb

for deb in "$old" "$new" "$fd"; do
  dpkg-deb --contents "$deb" >"$work/contents"
  check "$(basename "$deb"): everything is root's" not grep -qv ' root/root ' "$work/contents"
  check "$(basename "$deb"): nobody else may write" not grep -qE '^[-d].(....w|.......w)' "$work/contents"
  for file in usr/bin/callserver usr/lib/callserver/callserver.dll usr/lib/systemd/system/callserver.service \
    usr/share/man/man1/callserver.1.gz usr/share/bash-completion/completions/callserver \
    usr/share/zsh/vendor-completions/_callserver usr/share/callserver/prometheus/callserver.rules.yml \
    usr/share/callserver/grafana/callserver.json etc/callserver/callserver.json; do
    check "$(basename "$deb"): $file" grep -qE " \./$file( |$)" "$work/contents"
  done
done
check "the version is Debian's" is "$(dpkg-deb --field "$new" Version)" "$newer"
check "the two exclude each other" is "$(dpkg-deb --field "$fd" Conflicts)" callserver
lint=(lintian --fail-on error --no-tag-display-limit --suppress-tags
  'embedded-library,dir-or-file-in-opt,unstripped-binary-or-object,shared-library-lacks-prerequisites,bad-distribution-in-changes-file')
if command -v lintian >/dev/null; then check "lintian finds no error" "${lint[@]}" "$fd"; fi

mkdir "$work/fd" "$work/tar"
dpkg-deb --extract "$fd" "$work/fd"
check "the package without .NET runs with the machine's" is \
  "$("$work/fd/usr/bin/callserver" --version | cut -d+ -f1)" "$newer"
check "and is small" [ "$(du -sm "$work/fd" | cut -f1)" -lt 85 ]
tar -xzf "artifacts/callserver-$newer-linux-x64.tar.gz" -C "$work/tar" --strip-components=1
check "the tarball runs" is "$(DOTNET_ROOT=/nowhere "$work/tar/bin/callserver" --version | cut -d+ -f1)" "$newer"
check "the tool installs" dotnet tool install --tool-path "$work/tool" --source "$PWD/artifacts" CallServer --version "$newer"
check "and runs" is "$("$work/tool/callserver" --version | cut -d+ -f1)" "$newer"

echo "== install $older"
check "install" apt-get install -q -y --no-install-recommends "./$old"
check "the user is the package's" is "$(getent passwd callserver | cut -d: -f6)" $data
check "it may not log in" grep -qE '(nologin|false)$' <(getent passwd callserver)
check "the configuration is root's, and the server's to read" is "$(mode $configuration)" "640 root:callserver"
check "so is its folder" is "$(mode /etc/callserver)" "750 root:callserver"
check "the data is the server's" is "$(mode $data)" "750 callserver:callserver"
check "the configuration is right" callserver config check $configuration
check "the unit is right" systemd-analyze verify --man=yes $unit
check "the unit's exposure is below 3" systemd-analyze security --no-pager --offline=true --threshold=30 $unit
man --warnings -l /usr/share/man/man1/callserver.1.gz >/dev/null 2>"$work/man" || true
check "the manual has no mistakes" is "$(cat "$work/man")" ""
check "the manual has the verbs" grep -q 'callserver run' <(man -l /usr/share/man/man1/callserver.1.gz | col -b)
check "bash completes" bash -c '. /usr/share/bash-completion/completions/callserver && complete -p callserver'

# What no unit can be asked without systemd: which of its system calls the unit would refuse.
group() { systemd-analyze syscall-filter "$1" | sed -n 's/^ \+\([@a-z0-9_-]\+\)$/\1/p'; }
calls() {
  local each
  for each in "$@"; do
    case $each in
    @*) calls $(group "$each") ;;
    *) echo "$each" ;;
    esac
  done
}
of SystemCallFilter | grep -v '^~' | while read -r each; do calls $each; done | sort -u >"$work/named"
of SystemCallFilter | sed -n 's/^~//p' | while read -r each; do calls $each; done | sort -u >"$work/refused"
comm -23 "$work/named" "$work/refused" >"$work/allowed"

# run [TRACER...]: the unit's command, as its user, with its capabilities and the folders that it leaves writable; $server is
# its process. systemd's side of the notifications is a file. The port is the system's choice.
run() {
  : >"$work/notified"
  : >"$work/log"
  socat -u UNIX-RECV:$socket,mode=666 OPEN:"$work/notified",append &
  listener=$!
  children+=("$listener")
  within 5 test -S $socket
  env -i PATH=/usr/bin:/bin NOTIFY_SOCKET=$socket WATCHDOG_USEC=3000000 \
    CALLSERVER__SERVER__LISTEN=http://127.0.0.1:0 CALLSERVER__POLLING__INTERVAL=1s \
    unshare --mount --propagation private bash -c '
      data=$1 user=$2 umask=$3
      shift 3
      mount --bind "$data" "$data"
      mount -o remount,bind,ro /
      mount -t tmpfs tmpfs /tmp
      mount -t tmpfs tmpfs /home
      cd "$data"
      umask "$umask"
      exec setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs --bounding-set=-all,+net_bind_service \
        --inh-caps=-all,+net_bind_service --ambient-caps=-all,+net_bind_service "$@"' \
    run $data "$(of User)" "$(of UMask)" "$@" $(of ExecStart) >>"$work/log" 2>&1 &
  server=$!
  children+=("$server")
  within 60 says "$work/notified" READY=1 || { cat "$work/log"; return 1; }
  address=$(sed -nE 's/.* listens on (http:[^ ]+)\/, .*/\1/p' "$work/log")
}

# stop: as systemd stops it; fails unless it ends by itself, in time and with status 0.
stop() {
  local status=0 begun=$SECONDS
  kill -TERM "$server"
  wait "$server" || status=$?
  kill "$listener" 2>/dev/null || true
  wait "$listener" 2>/dev/null || true
  rm -f $socket
  check "SIGTERM ends it with status 0" is $status 0
  check "within five seconds" [ $((SECONDS - begun)) -le 6 ]
  check "and it says so before" says "$work/notified" STOPPING=1
}

echo "== run"
callserver gateway --snmp 0 --connections 200 --churn 5 >"$work/gateway" &
children+=($!)
within 20 says "$work/gateway" ready
uri=$(sed -nE 's/^(snmp:[^ ]+) .*/\1/p' "$work/gateway")
check "one look at the gateway is complete" callserver audit "$uri"
callserver config example "$uri" >"$work/example"
cat "$work/example" >$configuration
check "its configuration is root's as before" is "$(mode $configuration)" "640 root:callserver"
run
check "it runs as its user" is "$(ps -o user= -p "$server")" callserver
check "it has no capability but for low ports" grep -qE '^Cap(Eff|Bnd|Prm):.0+400$' "/proc/$server/status"
check "/readyz" curl -fsS "$address/readyz"
check "systemd is told what it does" within 10 says "$work/notified" "1 of 1 gateways complete"
check "the watchdog is fed" within 10 says "$work/notified" WATCHDOG=1
check "the record has the connections" [ "$(callserver connections --json --server "$address" | wc -l)" -gt 150 ]
curl -fsS "$address/metrics" >"$work/metrics"
check "the metrics are there" grep -q '^callserver_acts' "$work/metrics"
check "the page is there" curl -fsS "$address/"
check "CDRs are written" within 60 test -s $data/cdr/callserver.ndjson
check "they are not everybody's to read" is "$(mode $data/cdr/callserver.ndjson)" "640 callserver:callserver"
# A second gateway by SIGHUP, as ExecReload does.
sed -i 's|^  "gateways": \[|&\n    { "id": "second", "uri": "snmp://127.0.0.1:9", "interval": "1h" },|' $configuration
kill -HUP "$server"
check "a reload is announced" within 10 says "$work/notified" RELOADING=1
check "and taken" within 10 says "$work/notified" "of 2 gateways"

echo "== upgrade to $newer"
lines=$(wc -l <$data/cdr/callserver.ndjson)
sum=$(md5sum <$configuration)
check "upgrade" apt-get install -q -y --no-install-recommends "./$new"
check "the program is the new one" is "$(callserver --version | cut -d+ -f1)" "$newer"
check "the configuration is kept" is "$(md5sum <$configuration)" "$sum"
check "its mode is kept" is "$(mode $configuration)" "640 root:callserver"
check "the old server runs until it is stopped" curl -fsS "$address/readyz"
stop
# A disk that is not written to, and the folder of the program, are the server's to read only.
run
check "the new server serves" is "$(curl -fsS "$address/v1/server" | jq -r .version)" "$newer"
check "it has the record" grep -qE 'loaded [1-9][0-9]* connections of [12] gateways' "$work/log"
check "and the CDRs" [ "$(wc -l <$data/cdr/callserver.ndjson)" -ge "$lines" ]
stop

echo "== container, compose"
# No container engine runs here: what the files name must be there, and what reads them must take them.
named=$(sed -nE 's|^COPY --from=unpacked (--chown=[0-9:]+ )?/callserver-\$\{VERSION\}/([^ ]+) .*|\2|p' deploy/container/Containerfile)
compiled='s/^(Environment=|ENV )(DOTNET_(TC|ReadyToRun).*)/\2/p'
check "a container's server is compiled as the unit's" is \
  "$(sed -nE "$compiled" deploy/container/Containerfile)" "$(sed -nE "$compiled" deploy/systemd/callserver.service)"
check "the Containerfile copies four things" is "$(wc -w <<<"$named")" 4
for path in $named; do check "the tarball has $path" test -e "$work/tar/$path"; done
for host in cs-a cs-b; do
  check "compose: $host's configuration" env CALLSERVER_TOKEN=not-a-secret-0123 PAIR_SECRET=not-a-secret-0123 \
    callserver config check deploy/compose/$host.json
done
for file in compose/prometheus.yml prometheus/prometheus.yml prometheus/prometheus-local.yml; do
  check "Prometheus takes $file" promtool check config --syntax-only "deploy/$file"
done
check "compose.yaml names what is there" /usr/bin/python3 - <<'END'
import glob, os, yaml
compose = yaml.safe_load(open("deploy/compose.yaml"))
services = compose["services"]
assert set(services) == {"cs-a", "cs-b", "gateway", "prometheus", "grafana"}, services.keys()
for name, service in services.items():
    assert service["image"], name
    for other in service.get("depends_on", []):
        assert other in services, other
    for secret in service.get("secrets", []):
        assert secret in compose["secrets"], secret
    for volume in service["volumes"] if "volumes" in service else []:
        source = volume.split(":")[0]
        there = os.path.exists("deploy/" + source) if source.startswith(".") else source in compose["volumes"]
        assert there, source
for file in glob.glob("deploy/compose/grafana/*/*.yaml"):
    assert yaml.safe_load(open(file))["apiVersion"] == 1, file
END
gateway=$(/usr/bin/python3 -c 'import yaml; print(*yaml.safe_load(open("deploy/compose.yaml"))["services"]["gateway"]["command"])')
check "the gateway of compose.yaml starts" unshare --net bash -c "ip link set lo up; callserver $gateway --stop-after 1s | grep -q ready"

echo "== system calls"
run strace -f -qq -c -U name -o $data/calls
kill -HUP "$(pgrep -P "$server" -x callserver)"
within 10 says "$work/notified" RELOADING=1
within 30 says "$work/notified" "1 of 2 gateways complete"
server_traced=$(pgrep -P "$server" -x callserver)
kill -TERM "$server_traced"
wait "$server" || true
kill "$listener" 2>/dev/null || true
sed 's/ //g' $data/calls | grep -xE '[a-z0-9_]+' | grep -vxE 'total|syscall' | sort -u >"$work/made"
check "it makes many" [ "$(wc -l <"$work/made")" -gt 50 ]
check "the unit allows all of them" is "$(comm -23 "$work/made" "$work/allowed" | tr '\n' ' ')" ""

echo "== remove, purge"
check "remove" apt-get remove -q -y callserver
check "the program is gone" not test -e /usr/bin/callserver -o -e /usr/lib/callserver
check "the configuration stays" test -s $configuration
check "the record stays" test -s $data/callserver.db
check "purge" dpkg --purge callserver
check "the configuration is gone" not test -e /etc/callserver
check "the record is gone" not test -e $data
check "nothing else is left" is "$(find /etc /usr /var /run -xdev -name 'callserver*' -newer $marker -print 2>/dev/null |
  grep -vE '^(/var/(log|cache|tmp)|/run/callserver-package-test|/usr/share/dotnet)' || true)" ""
