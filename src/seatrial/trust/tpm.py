"""A TPM 2.0: a secret that only this chip gives back, and a counter that only grows.

It is spoken to through the `tpm2` command line tools of the operating system (Debian: tpm2-tools);
`TPM2TOOLS_TCTI` says which TPM, as they document it.
A secret goes in and out by pipes; what lies in the temporary folder meanwhile are handles, which mean
something to the chip alone. Contexts are flushed after each step: without a resource manager the chip has
room for three.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from seatrial.errors import MissingDependency, TrustError, Unavailable
from seatrial.trust.refusals import Replayed, WrongMachine
from seatrial.trust.strictjson import from_base64, to_base64

SECONDS = 30.0  # that one command may take
_ATTRIBUTES = "ownerread|ownerwrite|authread|authwrite|no_da|nt=counter"
_FIRST_INDEX = 0x01500000  # NV indices of owners, TCG registry of reserved TPM 2.0 handles, 2.2.1
_INDICES = 256

Ran = subprocess.CompletedProcess[bytes]
Run = Callable[[list[str], bytes], Ran]


def run_tool(words: list[str], given: bytes) -> Ran:
    """Runs one tool.

    Raises:
        MissingDependency: It is not installed.
        Unavailable: It does not come to an end.
    """
    if shutil.which(words[0]) is None:
        raise MissingDependency(
            f"{words[0]} is not installed, and the TPM is spoken to with it",
            hint="install the package tpm2-tools of the operating system",
        )
    try:
        return subprocess.run(words, input=given, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - fixed words and paths of our own
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{words[0]} gave no answer in {SECONDS:.0f} s", hint="look at the TPM") from error


class Tpm:
    """One TPM.

    Args:
        run: Runs one tool; the default starts it.
    """

    def __init__(self, run: Run = run_tool) -> None:
        self._run = run

    def seal(self, secret: bytes) -> dict[str, str]:
        """Wraps up to 128 bytes so that only this chip gives them back.

        Raises:
            Unavailable: The TPM refuses, or there is none.
        """
        with tempfile.TemporaryDirectory(prefix="seatrial-tpm-") as folder:
            here = Path(folder)
            parent = self._parent(here)
            public, private = here / "public", here / "private"
            self._do(
                ["tpm2_create", "-C", str(parent), "-i", "-", "-u", str(public), "-r", str(private), "-Q"],
                secret,
            )
            self._flush()
            return {"public": to_base64(public.read_bytes()), "private": to_base64(private.read_bytes())}

    def unseal(self, sealed: dict[str, str]) -> bytes:
        """What was sealed.

        Raises:
            WrongMachine: Another chip sealed it.
            Unavailable: There is no TPM.
        """
        with tempfile.TemporaryDirectory(prefix="seatrial-tpm-") as folder:
            here = Path(folder)
            parent = self._parent(here)
            for name in ("public", "private"):
                (here / name).write_bytes(from_base64(sealed.get(name), "what the TPM sealed"))
            context = str(here / "context")
            loaded = self._run(
                ["tpm2_load", "-C", str(parent), "-u", str(here / "public"), "-r", str(here / "private"),
                 "-c", context, "-Q"], b"",
            )  # fmt: skip
            self._flush()
            if loaded.returncode:
                raise WrongMachine(
                    "wrong machine: the TPM of this machine did not seal the device's key",
                    hint="enroll this machine and ask for a license of its own",
                )
            secret = self._do(["tpm2_unseal", "-c", context], b"")
            self._flush()
            return secret

    def new_counter(self) -> int:
        """Defines a counter and starts it; returns its index.

        Raises:
            Unavailable: The TPM refuses, or has no room.
        """
        for index in range(_FIRST_INDEX, _FIRST_INDEX + _INDICES):
            words = ["tpm2_nvdefine", "-C", "o", "-s", "8", "-a", _ATTRIBUTES, f"{index:#x}"]
            if not self._run(words, b"").returncode:
                self._do(["tpm2_nvincrement", "-C", "o", f"{index:#x}"], b"")  # before that it cannot be read
                return index
        raise Unavailable("the TPM has no room for another counter", hint="remove one with tpm2_nvundefine")

    def remove_counter(self, index: int) -> None:
        """Takes a counter away."""
        self._do(["tpm2_nvundefine", "-C", "o", f"{index:#x}"], b"")

    def count(self, index: int) -> int:
        """What a counter says.

        Raises:
            Replayed: It is not there any more.
        """
        done = self._run(["tpm2_nvread", "-C", "o", "-s", "8", f"{index:#x}"], b"")
        if done.returncode or len(done.stdout) != 8:
            raise Replayed(
                f"the counter {index:#x} of the TPM cannot be read: {_last_line(done)}",
                hint="enroll the device again and ask for a new license",
            )
        return int.from_bytes(done.stdout, "big")

    def increment(self, index: int) -> None:
        """Adds one to a counter."""
        self._do(["tpm2_nvincrement", "-C", "o", f"{index:#x}"], b"")

    def _parent(self, folder: Path) -> Path:
        """The chip's own storage key: made anew each time from its seed, always the same."""
        context = folder / "parent"
        self._do(["tpm2_createprimary", "-C", "o", "-c", str(context), "-Q"], b"")
        self._flush()
        return context

    def _flush(self) -> None:
        with suppress(MissingDependency):
            self._run(["tpm2_flushcontext", "-t"], b"")

    def _do(self, words: list[str], given: bytes) -> bytes:
        done = self._run(words, given)
        if done.returncode:
            raise Unavailable(
                f"{words[0]} failed: {_last_line(done)}",
                hint="is there a TPM (/dev/tpmrm0), and may this user speak to it?",
            )
        return done.stdout


class TpmAnchor:
    """A counter of a TPM as an anchor; see `trust.state.Anchor`.

    Args:
        tpm: The chip.
        index: Of the counter.
    """

    def __init__(self, tpm: Tpm, index: int) -> None:
        self._tpm, self._index = tpm, index

    def read(self) -> int:
        """The number.

        Raises:
            Replayed: It is not there any more.
        """
        return self._tpm.count(self._index)

    def advance(self, to: int) -> None:
        """Makes it at least this.

        Raises:
            TrustError: It would take many steps: then something is wrong.
        """
        missing = to - self.read()
        if missing > 2:
            raise TrustError(f"the TPM's counter is {missing} behind", hint="enroll the device again")
        for _ in range(missing):
            self._tpm.increment(self._index)


def _last_line(done: Ran) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else f"exit {done.returncode}"
