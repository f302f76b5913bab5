#!/usr/bin/env bash
# scripts/pack.sh [FOLDER]: packs the pure libraries, CallServer.Wire and CallServer.Core, with documentation and
# symbols, for NuGet. FOLDER is artifacts unless given.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-artifacts}
for library in Wire Core; do
  dotnet pack "src/CallServer.$library" -c Release -o "$folder" --nologo -v quiet
done
