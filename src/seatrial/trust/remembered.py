"""What this machine has verified before, so that nobody puts something older in its place.

`trust.json` keeps, for each name, the highest version that each signer (or root) vouched for, and the newest
root of each name. It holds no secret; whoever can write it can make this machine forget, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seatrial.errors import TrustError
from seatrial.model.manifest import Manifest, canonical
from seatrial.trust.roots import Root, Roots
from seatrial.trust.signing import alone, read_whole, write_whole
from seatrial.trust.strictjson import read_strictly
from seatrial.trust.versions import is_older

FORMAT = "seatrial/trust/1"
MOST_BYTES = 16 << 20


class Remembered:
    """What was verified before.

    Args:
        path: The file; made on first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, manifest: Manifest, vouched: Iterable[str], *, allow_older: bool = False) -> None:
        """Remembers a verified bundle, if it is not older than what was verified before.

        Args:
            manifest: Of the bundle.
            vouched: Who vouches: ids of keys, or `root:NAME`.
            allow_older: Take an older one this once; the higher version stays remembered.

        Raises:
            TrustError: A higher version was verified before, or the file is damaged.
            UsageError: The versions cannot be compared, or the file cannot be written.
        """
        with alone(self.path.parent):
            state = self._read()
            seen = state["versions"].setdefault(manifest.name, {})
            for each in vouched:
                best = seen.get(each)
                if best is None or is_older(best, manifest.version):
                    seen[each] = manifest.version
                elif is_older(manifest.version, best) and not allow_older:
                    raise TrustError(
                        f"older: this is {manifest.release}, and {best} was verified here before",
                        hint="ask for the current version, or take this one all the same with --allow-older",
                    )
            self._write(state)

    def follow(self, roots: Roots) -> None:
        """Remembers the newest root, if it follows from the one that was seen before.

        Raises:
            TrustError: It is older, it does not follow, or the file is damaged.
            UsageError: The file cannot be written.
        """
        with alone(self.path.parent):
            state, current = self._read(), roots.current
            seen = state["roots"].get(current.name)
            if seen is not None:
                _leads_on(roots, seen)
            state["roots"][current.name] = {"version": current.version, "digest": _digest(current)}
            self._write(state)

    def _read(self) -> dict[str, Any]:
        if not os.path.lexists(self.path):
            return {"format": FORMAT, "versions": {}, "roots": {}}
        state = read_strictly(read_whole(self.path, most=MOST_BYTES), self.path.name, most=MOST_BYTES)
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise TrustError(f"damaged: {self.path} is not what this machine remembered")
        versions, roots = state.get("versions"), state.get("roots")
        if not isinstance(versions, dict) or not isinstance(roots, dict):
            raise TrustError(f"damaged: {self.path} is not what this machine remembered")
        return state

    def _write(self, state: dict[str, Any]) -> None:
        data = canonical(state)
        if not self.path.exists() or self.path.read_bytes() != data:
            write_whole(self.path, data)


def _leads_on(roots: Roots, seen: dict[str, Any]) -> None:
    current = roots.current
    if current.version < seen["version"]:
        raise TrustError(
            f"older root: version {current.version} of {current.name}, and {seen['version']} was seen before",
            hint="ask for the current roots.json",
        )
    link = next((each for each in roots.chain if each.version == seen["version"]), None)
    if link is None or _digest(link) != seen["digest"]:
        raise TrustError(
            f"broken chain: {current.name} version {current.version} does not lead on from the version "
            f"{seen['version']} that was seen before",
            hint="somebody else may use this name; ask by another way whose roots.json this is",
        )


def _digest(root: Root) -> str:
    return "sha256:" + hashlib.sha256(root.to_bytes()).hexdigest()
