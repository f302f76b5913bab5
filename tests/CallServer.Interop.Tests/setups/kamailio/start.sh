#!/bin/sh
# start.sh FOLDER PORT ANSWERS RPC: runs Kamailio on PORT of 127.0.0.1 (UDP, TCP, JSON-RPC at /RPC) in the foreground,
# with JSON-RPC by datagrams on port RPC. It forwards calls to port ANSWERS. Its files go to FOLDER.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "${1:?FOLDER}" && pwd) port=${2:?PORT} answers=${3:?ANSWERS} rpc=${4:?RPC}
module=$(find /usr/lib -path '*/kamailio/modules/presence_dialoginfo.so' 2>/dev/null | head -n 1)
for tables in standard presence; do
  sqlite3 "$work/presence.db" < "/usr/share/kamailio/db_sqlite/$tables-create.sql"
done
sed -e "s|@PORT@|$port|g; s|@ANSWERS@|$answers|g; s|@RPC@|$rpc|g; s|@WORK@|$work|g; s|@MODULES@|$(dirname "$module")/|g" \
  "$here/kamailio.cfg.in" > "$work/kamailio.cfg"
mkdir -p "$work/run"
PATH=$PATH:/usr/sbin
exec kamailio -f "$work/kamailio.cfg" -P "$work/run/kamailio.pid" -Y "$work/run" -m 256 -M 16 -DD -E > "$work/kamailio.log" 2>&1
