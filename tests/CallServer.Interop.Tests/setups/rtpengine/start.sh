#!/bin/sh
# start.sh UDP TCP HTTP: runs Debian's rtpengine on 127.0.0.1 in the foreground; its ng protocol answers on these three ports
# (over HTTP: POST /ng).  SIGTERM stops it, which takes some seconds with thousands of calls.
#   STATE   its folder: configuration and rtpengine.log (default ${TMPDIR:-/tmp}/rtpengine-UDP)
#   MEDIA   its media ports, FROM-TO (default 10000-32767); a call of two parties takes four of them, and four open files
#   DELETE_DELAY   for how many seconds it goes on with a deleted call, unless it is told another delay (default 0)
#   REDIS   the port of a Redis on 127.0.0.1 where it keeps its calls (default none); its log then tells `Redis restore time`
set -e
[ $# -eq 3 ] || { sed -n 2,8p "$0"; exit 64; }
state=${STATE:-${TMPDIR:-/tmp}/rtpengine-$1} media=${MEDIA:-10000-32767}
level=4
[ -z "$REDIS" ] || level=6
mkdir -p "$state"
# Calls without media would vanish after a minute.
cat > "$state/rtpengine.conf" <<CONF
[rtpengine]
table = -1
interface = 127.0.0.1
listen-ng = 127.0.0.1:$1
listen-tcp-ng = 127.0.0.1:$2
listen-http = 127.0.0.1:$3
port-min = ${media%-*}
port-max = ${media#*-}
timeout = 86400
silent-timeout = 86400
offer-timeout = 86400
delete-delay = ${DELETE_DELAY:-0}
foreground = true
log-stderr = true
log-level = $level
num-threads = 2
CONF
[ -z "$REDIS" ] || cat >> "$state/rtpengine.conf" <<CONF
redis = 127.0.0.1:$REDIS/1
redis-num-threads = 4
redis-expires = 86400
CONF
ulimit -n "$(ulimit -Hn)"
PATH=$PATH:/usr/sbin
exec rtpengine --config-file="$state/rtpengine.conf" 2> "$state/rtpengine.log"
