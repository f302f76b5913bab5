#!/usr/bin/env bash
# scripts/package.sh [--only deb|fd|tar|tool]... [VERSION]: builds what is delivered, into artifacts/:
#   callserver_VERSION_amd64.deb         with the .NET runtime in it: it needs nothing that Debian does not have
#   callserver-fd_VERSION_amd64.deb      for machines that have ASP.NET Core 10 as a package of their own
#   callserver-VERSION-linux-x64.tar.gz  the files of the first, for a container or any Linux with glibc 2.34
#   CallServer.VERSION.nupkg             the .NET tool `callserver`
# VERSION is that of Directory.Build.props, unless given. Owners, times and order are the commit's and not the machine's: but
# for the tool, and for what the F# compiler orders differently from run to run, two builds are the same octet for octet.
# DEB_LEVEL (1 to 9, default 6) is how hard the packages are compressed.
set -euo pipefail
cd "$(dirname "$0")/.."

only=()
while [ "${1:-}" = --only ]; do
  only+=("$2")
  shift 2
done
[ ${#only[@]} -gt 0 ] || only=(deb fd tar tool)
version=${1:-$(sed -nE 's|^ *<Version>(.*)</Version>$|\1|p' Directory.Build.props)}
# As NuGet writes versions: 1.2.3 or 1.2.3-rc.1.
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || { echo "not a version: $version" >&2; exit 64; }
# For Debian 1.2.3~rc.1 comes before 1.2.3.
debian=${version/-/\~}

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p artifacts

wants() { [[ " ${only[*]} " == *" $1 "* ]]; }

# publish true|false: the program with or without the runtime, compiled for this kind of processor beforehand.
publish() {
  local to=$work/published-$1
  [ -d "$to" ] && return
  dotnet publish src/CallServer.Host -c Release -r linux-x64 --self-contained "$1" -p:PublishReadyToRun=true \
    -p:ReleaseVersion="$version" -o "$to" -v quiet --tl:off
  # Dumps would hold numbers of people; callserver.service makes none.
  rm -f "$to/createdump" "$to"/*.staticwebassets.endpoints.json
  find "$to" -type f -exec chmod 644 {} +
  chmod 755 "$to/callserver"
}

# stage true|false ROOT: what is installed, as it lies in the file system.
stage() {
  local from=$work/published-$1 root=$2 program
  publish "$1"
  program=$from/callserver
  mkdir -p "$root"/usr/{bin,lib/systemd/system,share/{callserver,man/man1,bash-completion/completions,zsh/vendor-completions}} \
    "$root"/etc/callserver
  cp -r "$from" "$root/usr/lib/callserver"
  ln -s ../lib/callserver/callserver "$root/usr/bin/callserver"
  install -m 644 deploy/systemd/callserver.service "$root/usr/lib/systemd/system/"
  install -m 644 deploy/debian/callserver.json "$root/etc/callserver/"
  cp -r deploy/prometheus deploy/grafana "$root/usr/share/callserver/"
  "$program" manual | gzip -9n >"$root/usr/share/man/man1/callserver.1.gz"
  "$program" completion bash >"$root/usr/share/bash-completion/completions/callserver"
  "$program" completion zsh >"$root/usr/share/zsh/vendor-completions/_callserver"
  # zsh reads the file when it first completes: it must then complete, too.
  echo '[[ $funcstack[1] = _callserver ]] && _callserver "$@"' >>"$root/usr/share/zsh/vendor-completions/_callserver"
  chmod -R u=rwX,go=rX "$root"
}

# stamp FOLDER: gives every file the commit's time, so that when it was built does not show.
stamp() { find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +; }

# deb NAME OTHER KIND DEPENDS WITH ROOT: makes a package of a staged tree.
deb() {
  local name=$1 root=$6 docs=$6/usr/share/doc/$1
  mkdir -p "$root/DEBIAN" "$docs"
  cp README.md docs/*.md "$docs"
  printf 'callserver (%s) unstable; urgency=medium\n\n  * docs/ and the history of the repository say what changed.\n\n -- The CallServer authors <callserver@example.org>  %s\n' \
    "$debian" "$(date -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$docs/changelog.gz"
  if [ "$name" = callserver ]; then
    sed "s|^@RUNTIME@$|\nFiles: usr/lib/callserver/*\nCopyright: Microsoft Corporation; the .NET Foundation and contributors (the .NET runtime)\nLicense: Expat\n\nFiles: usr/lib/callserver/callserver* usr/lib/callserver/CallServer.*\nCopyright: the CallServer authors\nLicense: Apache-2.0|" \
      deploy/debian/copyright.in >"$docs/copyright"
  else
    sed '/^@RUNTIME@$/d' deploy/debian/copyright.in >"$docs/copyright"
  fi
  install -m 755 deploy/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
  echo /etc/callserver/callserver.json >"$root/DEBIAN/conffiles"
  sed -e "s#@PACKAGE@#$name#; s#@VERSION@#$debian#; s#@OTHER@#$2#; s#@KIND@#$3#; s#@DEPENDS@#$4#; s#@WITH@#$5#" \
    -e "s|@SIZE@|$(du -k -s --apparent-size --exclude=DEBIAN "$root" | cut -f1)|" deploy/debian/control.in >"$root/DEBIAN/control"
  (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  chmod 644 "$root"/DEBIAN/{control,conffiles,md5sums}
  stamp "$root"
  dpkg-deb --root-owner-group -Zxz -z"${DEB_LEVEL:-6}" --build "$root" "artifacts/${name}_${debian}_amd64.deb"
}

# What the runtime's own libraries, and SQLite's, are linked with or load.
native='libc6 (>= 2.34), libgcc-s1, libstdc++6, libssl3 | libssl3t64'

if wants deb; then
  stage true "$work/deb"
  deb callserver callserver-fd "" "$native" "This package has the .NET runtime in it." "$work/deb"
fi
if wants fd; then
  stage false "$work/fd"
  deb callserver-fd callserver " (without .NET)" "$native, aspnetcore-runtime-10.0 | dotnet-sdk-10.0" \
    "This package needs ASP.NET Core 10, which Debian itself does not have." "$work/fd"
fi
if wants tar; then
  name=callserver-$version
  stage true "$work/$name"
  # The folder is a prefix such as /usr/local; an empty folder for the record lets a container have one of its own.
  mv "$work/$name"/usr/* "$work/$name/"
  rmdir "$work/$name/usr"
  mkdir -p "$work/$name/var/lib/callserver"
  cp LICENSE README.md "$work/$name/"
  stamp "$work/$name"
  tar -C "$work" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner -cf - "$name" |
    gzip -n >"artifacts/$name-linux-x64.tar.gz"
fi
if wants tool; then
  dotnet pack src/CallServer.Host -c Release -p:PackTool=true -p:ReleaseVersion="$version" -o "$work/tool" -v quiet --tl:off
  mv "$work"/tool/*.nupkg artifacts/
fi
ls -l artifacts
