"""Shell lines that get packages of any Debian, for any architecture, beside the system.

Nothing of the system is changed: apt keeps its state in a folder of its own, and packages are only unpacked.
"""

from __future__ import annotations

# Expects $NEW, an empty folder. The mirror is the machine's own; packages are verified with Debian's keyring.
APT = """\
command -v dpkg-deb >/dev/null && command -v apt-get >/dev/null || {
  echo "this needs Debian's apt" >&2
  exit 1
}
mkdir -p "$NEW/apt/state/lists/partial" "$NEW/apt/cache/archives/partial"
: > "$NEW/apt/status"
apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' | sort -u |
  sed -n 's|^\\(.*/debian/*\\) Debian$|\\1|p' | head -n 1 > "$NEW/apt/mirror"
[ -s "$NEW/apt/mirror" ] || { echo "no Debian mirror in this machine's apt sources" >&2; exit 1; }
HOST="$(dpkg --print-architecture)"
# apt_from KIND SUITE ARCHITECTURE ARGUMENTS...: apt as it would run there; KIND is deb or deb-src.
apt_from() {
  KIND="$1" SUITE="$2" ARCH="$3"; shift 3
  KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "$KIND [arch=$ARCH signed-by=$KEYS] $(cat "$NEW/apt/mirror") $SUITE main" > "$NEW/apt/sources.list"
  apt-get -q -o Dir::State="$NEW/apt/state" -o Dir::Cache="$NEW/apt/cache" -o APT::Sandbox::User=root \\
    -o Dir::Etc::SourceList="$NEW/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \\
    -o Dir::State::status="$NEW/apt/status" -o APT::Architecture="$ARCH" -o APT::Architectures::="$ARCH" "$@"
}
"""
