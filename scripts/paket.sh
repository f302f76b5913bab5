#!/usr/bin/env bash
# scripts/paket.sh install | update [PACKAGE] | add PACKAGE --version VERSION | outdated | …: runs Paket against the
# first feed that NuGet is configured for on this machine. It works on a copy of paket.dependencies and paket.lock in
# which that feed is the source, and copies both back without it, so that no feed's address gets into the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
none=.paket/none

sources=$(dotnet nuget list source --format short)
feed=$(sed -nE 's/^E[A-Z]* +//p' <<<"$sources")
feed=${feed%%$'\n'*}
[ -n "$feed" ] || { echo "NuGet has no enabled feed: dotnet nuget list source" >&2; exit 1; }

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# bring FROM TO OLD NEW: copies the two files, replacing one source with another.
bring() {
  local name text
  for name in paket.dependencies paket.lock; do
    [ -f "$1/$name" ] || continue
    text=$(<"$1/$name")
    text=${text//source "$3"/source "$4"}
    printf '%s\n' "${text//remote: "$3"/remote: "$4"}" >"$2/$name"
  done
}

mkdir "$copy/.config"
cp .config/dotnet-tools.json "$copy/.config"
bring . "$copy" "$none" "$feed"
(cd "$copy" && dotnet tool restore >"$copy/tools.log" || { cat "$copy/tools.log"; exit 1; } && dotnet paket "$@")
bring "$copy" . "$feed" "$none"
