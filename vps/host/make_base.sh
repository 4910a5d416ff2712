#!/bin/sh
# make_base.sh IMAGE DIRECTORY: a base image of this host's own distribution, made from its packages with debootstrap.
# For hosts that reach no image registry. Works below DIRECTORY and leaves nothing there. Needs root.
set -eu
umask 022
image=$1
parent=$2

say() { printf 'base: %s\n' "$*"; }
fail() { say "$*"; exit 1; }

command -v apt-get >/dev/null || fail 'this host has no apt-get; only Debian and Ubuntu can make a base'
[ "$(id -u)" -eq 0 ] || fail 'making a base takes root'
. /etc/os-release
codename=${VERSION_CODENAME:?this distribution has no codename}

if ! command -v debootstrap >/dev/null; then
  say 'installing debootstrap on the host'
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -o DPkg::Lock::Timeout=300 update
  apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends debootstrap
fi

mkdir -p "$parent"
tree=$(mktemp -d "$parent/base.XXXXXX")
clean() {
  trap '' EXIT HUP INT TERM PIPE
  umount "$tree/proc" "$tree/sys" 2>/dev/null || true
  rm -rf --one-file-system "$tree"
}
trap clean EXIT
trap 'exit 129' HUP INT TERM PIPE
chmod 0755 "$tree"

# The host's own mirrors, with the security updates; without them debootstrap's default mirror.
sources=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
  awk -F '|' -v id="$ID" 'tolower($1) == id && $2 ~ /^https?:/ && ($4 == "main" || $4 == "universe") {
    print "deb", $2, $3, $4 }' | sort -u || true)
mirror=$(printf '%s\n' "$sources" | awk -v suite="$codename" '$3 == suite { print $2; exit }')
components=main
[ "$ID" != ubuntu ] || components=main,universe

say "making $codename with debootstrap"
debootstrap --variant=minbase --include=ca-certificates --components="$components" "$codename" "$tree" ${mirror:+"$mirror"}
[ -z "$sources" ] || printf '%s\n' "$sources" >"$tree/etc/apt/sources.list"

say 'importing it'
tar -C "$tree" --one-file-system --exclude='./usr/share/doc/*' --exclude='./usr/share/info/*' \
  --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' --exclude='./var/cache/apt/*' \
  --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' -c . |
  docker import --change 'LABEL agentflow.image=base' - "$image"
