"""qemu's user-mode emulators, and the shell lines that get them.

Nothing of the system is changed: no chroot, no binfmt; programs of the other processor are started through
qemu by name.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from seatrial.tools._tool import side_folder


def recipe(processor: str) -> str:
    """Shell lines that get the emulator of a processor, unless it is there; `APT` comes before them."""
    return f"""\
if ! command -v qemu-{processor}-static >/dev/null && ! command -v qemu-{processor} >/dev/null &&
    ! [ -x "$SIDE/qemu/qemu-{processor}-static" ]; then
  echo "getting the emulator"
  apt_from deb bookworm "$HOST" update
  (cd "$NEW/apt" && apt_from deb bookworm "$HOST" download qemu-user-static)
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
