#!/bin/sh
# STATE=FOLDER start.sh ADDRESS PORT [ENDPOINTS]: runs osmo-mgw on UDP ADDRESS:PORT with endpoints rtpbridge/1@mgw and
# up (lower-case hex). Its VTY (4243) and CTRL (4267) ports are fixed, so each instance needs its own loopback
# address. The process becomes osmo-mgw itself.
set -e
address=${1:?ADDRESS} port=${2:?PORT} endpoints=${3:-1000}
cat >"${STATE:?STATE}/osmo-mgw.cfg" <<END
log stderr
 logging filter all 1
 logging color 0
 logging level set-all notice
line vty
 no login
 bind $address
ctrl
 bind $address
mgcp
 domain mgw
 bind ip $address
 bind port $port
 rtp bind-ip $address
 rtp port-range 10000 60000
 rtp ip-dscp 46
 number endpoints $endpoints
 no rtp keep-alive
 conn-timeout 0
END
exec osmo-mgw -c "$STATE/osmo-mgw.cfg"
