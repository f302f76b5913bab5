#!/bin/sh
# start.sh FOLDER PORT SECRET: runs FreeRADIUS as an accounting server on UDP 127.0.0.1:PORT. Its only client is
# 127.0.0.1 with SECRET. It appends what it accepts to FOLDER/detail, one record a packet. The process becomes
# freeradius itself.
set -e
PATH=$PATH:/usr/sbin
folder=${1:?FOLDER} port=${2:?PORT} secret=${3:?SECRET}
cat >"$folder/radiusd.conf" <<END
name = radiusd
libdir = /usr/lib/freeradius
logdir = $folder
run_dir = $folder
pidfile = $folder/radiusd.pid
cleanup_delay = 5
max_requests = 16384
hostname_lookups = no
log {
 destination = stdout
}
security {
 allow_core_dumps = no
 status_server = yes
}
proxy_requests = no
thread pool {
 start_servers = 1
 max_servers = 4
 min_spare_servers = 1
 max_spare_servers = 2
}
client test {
 ipaddr = 127.0.0.1
 secret = $secret
 require_message_authenticator = no
}
modules {
 detail {
  filename = $folder/detail
  permissions = 0600
  header = "%t"
  locking = no
 }
}
server accounting {
 listen {
  type = acct
  ipaddr = 127.0.0.1
  port = $port
 }
 preacct {
 }
 accounting {
  detail
 }
}
END
exec freeradius -f -l stdout -d "$folder"
