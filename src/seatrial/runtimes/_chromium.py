"""A headless Chromium of one worker, driven over DevTools' own pipe: no port that others could connect to.

The protocol is JSON, each message ended by a zero byte, commands on descriptor 3 and answers on 4. That is
all a page that computes needs; a library that also clicks and types would bring a second runtime with it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import deque
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.runtimes._program import die_as, die_with_parent

# It talks to nobody but our own server, keeps nothing, and draws only where a model asks for it.
_FLAGS = (
    "--headless",
    "--log-level=3",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--mute-audio",
    "--password-store=basic",
)
# What it leaves in a temporary folder goes with ours. Its lock is a socket there, and those have short names
# only, however long our folder's is.
_HERE = "/proc/self/cwd"
_MOST_SAID = 40


class PageError(RuntimeError):
    """What a page threw, in the page's words."""


class Chromium:
    """One browser with one page; ends with the process that made it.

    Args:
        program: What to start.
        folder: For its profile; deleted by whoever made it.
        flags: On top of the common ones.
    """

    def __init__(self, program: Path, folder: Path, flags: tuple[str, ...] = ()) -> None:
        # It insists on the descriptors 3 and 4: taken, so that none of ours gets those numbers.
        taken = [os.open(os.devnull, os.O_RDONLY)]
        while taken[-1] < 5:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        (commands, self._commands), (self._answers, answers) = os.pipe(), os.pipe()

        def prepare() -> None:
            die_with_parent()
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # its sandbox refuses to work for root
        command = [
            str(program),
            *_FLAGS,
            *root,
            *flags,
            f"--user-data-dir={folder / 'profile'}",
            "about:blank",
        ]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a browser that the user installed or named
                command,
                stdin=subprocess.DEVNULL,
                stdout=2,
                stderr=2,
                pass_fds=(3, 4),
                preexec_fn=prepare,  # noqa: PLW1509 - the worker has one thread by now
                env={**os.environ, "HOME": str(folder), "TMPDIR": _HERE},
                cwd=folder,
            )
        except OSError as error:
            raise UsageError(f"{program} cannot be started: {error}") from error
        finally:
            for each in (*taken, commands, answers):
                os.close(each)
        self._unread = b""
        self._last = 0
        self._said: deque[str] = deque(maxlen=_MOST_SAID)
        self._page = ""
        self.version = str(self.call("Browser.getVersion")["product"]).replace("/", " ")

    def open(self, address: str) -> None:
        """Opens the page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._page = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Inspector"):
            self.call(f"{domain}.enable")
        told = self.call("Page.navigate", url=address)
        if "errorText" in told:
            raise PageError(f"the page cannot be opened: {told['errorText']}")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, promises awaited.

        Raises:
            PageError: It threw.
        """
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise PageError(_thrown(told["exceptionDetails"]))
        return told["result"].get("value")

    def picture(self) -> str:
        """The page as PNG, in base64."""
        return str(self.call("Page.captureScreenshot", format="png")["data"])

    def said(self) -> list[str]:
        """Errors of the page since the last call, the latest ones."""
        told = list(dict.fromkeys(self._said))
        self._said.clear()
        return told

    def close(self) -> None:
        """Ends the browser; a worker that ends takes its own along."""
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its answer. Ends this process as the browser ended, if it did."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._page:
            message["sessionId"] = self._page
        try:
            _write(self._commands, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            die_as(self._process.wait())
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                break
            self._event(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error'].get('message', answer['error'])}")
        told: dict[str, Any] = answer["result"]
        return told

    def _read(self) -> dict[str, Any]:
        parts = [self._unread]
        while b"\0" not in parts[-1]:
            parts.append(os.read(self._answers, 1 << 16))
            if not parts[-1]:
                die_as(self._process.wait())
        message, _, self._unread = b"".join(parts).partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def _event(self, told: dict[str, Any]) -> None:
        method, parameters = told.get("method"), told.get("params", {})
        if method in ("Inspector.targetCrashed", "Target.targetCrashed"):
            os.write(2, b"the page crashed: out of memory, or a fault of the browser\n")
            self._process.kill()
            self._process.wait()
            os._exit(1)
        if method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            said = [str(each.get("value") or each.get("description", "")) for each in parameters["args"]]
            self._said.append(_without_stack(" ".join(said)))
        elif method == "Runtime.exceptionThrown":
            self._said.append(_thrown(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self._said.append(str(parameters["entry"]["text"]))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _thrown(details: dict[str, Any]) -> str:
    """What was thrown, without the stack."""
    thrown = details.get("exception", {})
    text = str(thrown.get("description") or thrown.get("value") or details.get("text", "an error"))
    return _without_stack(text)


def _without_stack(text: str) -> str:
    lines = text.strip().splitlines()
    kept = [each for each in lines if not each.lstrip().startswith("at ")]
    return "\n".join(kept or lines[:1])
