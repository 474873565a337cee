"""qemu's user-mode emulators, and the shell lines that get them and the packages of other architectures.

Nothing of the system is changed: no second architecture for dpkg, no chroot, no binfmt. apt keeps its state
in a folder of its own, packages are only unpacked, and programs of the other processor are started through
qemu by name.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from seatrial.tools._tool import side_folder

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
# apt_of ARCHITECTURE ARGUMENTS...: apt as a Debian 12 of that architecture would run it.
apt_of() {
  ARCH="$1"; shift
  KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [arch=$ARCH signed-by=$KEYS] $(cat "$NEW/apt/mirror") bookworm main" > "$NEW/apt/sources.list"
  apt-get -q -o Dir::State="$NEW/apt/state" -o Dir::Cache="$NEW/apt/cache" -o APT::Sandbox::User=root \\
    -o Dir::Etc::SourceList="$NEW/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \\
    -o Dir::State::status="$NEW/apt/status" -o APT::Architecture="$ARCH" -o APT::Architectures::="$ARCH" "$@"
}
"""


def recipe(processor: str) -> str:
    """Shell lines that get the emulator of a processor, unless it is there; `APT` comes before them."""
    return f"""\
if ! command -v qemu-{processor}-static >/dev/null && ! command -v qemu-{processor} >/dev/null &&
    ! [ -x "$SIDE/qemu/qemu-{processor}-static" ]; then
  echo "getting the emulator"
  HOST="$(dpkg --print-architecture)"
  apt_of "$HOST" update
  (cd "$NEW/apt" && apt_of "$HOST" download qemu-user-static)
  mkdir -p "$NEW/apt/qemu" "$SIDE/qemu"
  dpkg-deb -x "$NEW"/apt/qemu-user-static_*.deb "$NEW/apt/qemu"
  cp "$NEW/apt/qemu/usr/bin/qemu-{processor}-static" "$SIDE/qemu/.new"
  mv "$SIDE/qemu/.new" "$SIDE/qemu/qemu-{processor}-static"
fi
"""


def shell(processor: str) -> str:
    """Shell words that give the path of the emulator."""
    system = f"command -v qemu-{processor}-static || command -v qemu-{processor}"
    return f'$({system} || echo "$SIDE/qemu/qemu-{processor}-static")'


def emulator(processor: str) -> Path | None:
    """The emulator of a processor (`aarch64`, `x86_64`): the system's or the one beside us, or None."""
    for name in (f"qemu-{processor}-static", f"qemu-{processor}"):
        if on_path := shutil.which(name):
            return Path(on_path)
    beside = side_folder() / "qemu" / f"qemu-{processor}-static"
    return beside if beside.is_file() else None
