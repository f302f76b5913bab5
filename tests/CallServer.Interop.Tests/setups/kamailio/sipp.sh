#!/bin/sh
# sipp.sh FOLDER SCENARIO PORT [MORE...]: sipp plays calling.xml or answering.xml from PORT of 127.0.0.1 in the foreground.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scenario=${2:?SCENARIO} port=${3:?PORT}
cd "${1:?FOLDER}"
shift 3
# sipp needs a terminal name even without a terminal.
export TERM="${TERM:-xterm}"
exec sipp -sf "$here/$scenario.xml" -i 127.0.0.1 -p "$port" -t u1 -nostdin "$@" > "sipp-$port.log" 2>&1
