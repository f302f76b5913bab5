#!/bin/bash
# Runs inside the bare Debian. `story.sh install` is the first command, `story.sh rest` the others; both print what a person
# would type, and how long it took until that had come true.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root
cd /root
log=/root/story.log
times=/root/times
touch $times

# do NUMBER COMMAND: prints it, carries it out, and keeps its seconds.
carry() {
  local begun
  begun=$(date +%s.%N)
  printf '%d  $ %s\n' "$1" "$2"
  eval "$2" >>$log 2>&1 || { tail -n 30 $log; exit 1; }
  [ $# -lt 4 ] || until_true "$3" "$4"
  awk -v from="$begun" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f\n", to - from }' >>$times
  printf '      %s s\n' "$(tail -n 1 $times)"
}

# until_true SECONDS COMMAND: waits until it holds.
until_true() {
  local end=$((SECONDS + $1))
  until eval "$2" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "not within $1 s: $2"; tail -n 30 $log /var/log/*.out; exit 1; }
    sleep 0.3
  done
}

prometheus='http://127.0.0.1:9090/api/v1'

if [ "$1" = install ]; then
  apt-get update -q >>$log 2>&1 # what a bare Debian from a mirror has not read yet
  carry 1 'apt-get install -y --no-install-recommends ./callserver.deb prometheus curl jq'
  exit
fi

# The network: a gateway with a trunk that overflows, and a billing system that waits for CDRs. Neither is CallServer's.
callserver gateway --snmp 1161 --connections 10200 --churn 20 >/root/gateway.out &
perl endpoint.pl 9999 /root/billed.ndjson &
until_true 20 'grep -q ready /root/gateway.out'

carry 2 'callserver config example snmp://127.0.0.1:1161 > /etc/callserver/callserver.json && echo CALLSERVER__CDR__HTTP__URL=http://127.0.0.1:9999/cdrs > /etc/callserver/environment'
carry 3 'systemctl restart callserver' 30 'curl -fsS http://127.0.0.1:8080/readyz'
carry 4 'callserver audits --json | jq -e "select(.complete)"'
carry 5 'cp /usr/share/callserver/prometheus/prometheus-local.yml /etc/prometheus/prometheus.yml && systemctl restart prometheus' \
  60 "curl -fsS '$prometheus/query?query=callserver_connections' | jq -e '.data.result | length > 0'"
carry 6 "curl -fsS $prometheus/alerts" \
  180 "curl -fsS $prometheus/alerts | jq -e '.data.alerts[] | select(.state == \"firing\" and .labels.alertname == \"CallServerConcurrentCalls\")'"

until_true 60 'test -s /root/billed.ndjson'
echo "The billing system has $(wc -l </root/billed.ndjson) CDRs."

# The dashboard is lit if the queries of its panels find something. Those about RADIUS, listeners, TCP, and what has not
# happened yet find nothing here.
lit=0 dark=0
while IFS= read -r query; do
  found=$(curl -fsS --data-urlencode "query=$query" "$prometheus/query" | jq '.data.result | length')
  if [ "$found" -gt 0 ]; then lit=$((lit + 1)); else dark=$((dark + 1)); fi
done < <(jq -r '.panels[] | .targets[]?.expr' /usr/share/callserver/grafana/callserver.json |
  sed 's/\$instance/.+/g; s/\$__rate_interval/1m/g; s/\$__range/1h/g')
echo "The dashboard: $lit of its $((lit + dark)) queries find something."
[ $lit -ge 10 ]
curl -fsS http://127.0.0.1:8080/ >/dev/null
echo "The live page is served at http://127.0.0.1:8080/."
awk '{ sum += $1 } END { printf "%d commands, %.1f minutes\n", NR, sum / 60 }' $times
