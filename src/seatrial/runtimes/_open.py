"""Opens sessions."""

from __future__ import annotations

from seatrial import extensions
from seatrial.errors import MissingDependency, ModelError, UnsupportedModel
from seatrial.model.artifact import Artifact
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import ModelEntry
from seatrial.runtimes._client import WorkerSession
from seatrial.runtimes._engine import Behavior, Runtime
from seatrial.runtimes._session import Session, SessionOptions

# Which runtime `auto` takes: the one that made the model first, then by how many formats it serves.
_PREFERRED = ("paddle", "onnxruntime", "openvino")


def all_runtimes() -> dict[str, Runtime]:
    """Every runtime there is, installed or not, by name."""
    return extensions.find("seatrial.runtimes", "RUNTIME")


def available_runtimes(artifact: Artifact, *, asked: str = "") -> list[str]:
    """Installed runtimes that run this artifact's format, the one `auto` takes first.

    Args:
        artifact: The model.
        asked: A runtime that was named. Those that are used only when they are named (`asked_only`) are not
            among the others, unless nothing else runs the format.
    """
    return _available(artifact.format, asked=asked)


def runnable(bundle: Bundle, runtime: str = "auto") -> ModelEntry:
    """The first model of a bundle that a runtime runs; nothing but the manifest is read.

    Args:
        bundle: Its models answer alike, the preferred one is the first.
        runtime: A name from `all_runtimes()`, or `auto` for any that is installed.

    Raises:
        UnsupportedModel: There is none.
    """
    for entry in bundle.manifest.models:
        installed = _available(entry.format, asked=runtime)
        if runtime in installed or (runtime == "auto" and installed):
            return entry
    there = ", ".join(each.format for each in bundle.manifest.models) or "none"
    wanted = "no runtime" if runtime == "auto" else runtime
    raise UnsupportedModel(
        f"{wanted} is installed here that runs {bundle.manifest.release}, which has: {there}",
        hint="pip install 'seatrial[onnx]', or the extra of another of its formats",
    )


def _available(name: str, *, asked: str = "") -> list[str]:
    """Installed runtimes that run a format, the preferred one first."""
    fitting = [each for each in all_runtimes().values() if name in each.formats]
    alone = all(each.asked_only for each in fitting)
    names = [
        each.name
        for each in fitting
        if (alone or not each.asked_only or each.name == asked) and each.available()
    ]
    return sorted(
        names, key=lambda each: (_PREFERRED.index(each) if each in _PREFERRED else len(_PREFERRED), each)
    )


def open_session(
    artifact: Artifact,
    runtime: str = "auto",
    options: SessionOptions | None = None,
    *,
    unverified: bool = False,
    behavior: Behavior | None = None,
) -> Session:
    """Loads a model in a worker process (M40).

    Args:
        artifact: The model, as `seatrial.model.open_model` read it.
        runtime: A name from `all_runtimes()`, or `auto` for the first that is installed and fits.
        options: How to run it.
        unverified: Also load an artifact with problems, and hand feeds to the engine unchecked. Only for
            checks that want to see what the engine does; the worker takes the damage.
        behavior: Makes another runtime of the chosen one: a service that misbehaves, for self-tests.

    Raises:
        ModelError: The artifact has problems.
        UnsupportedModel: No runtime, or not this one, runs the format.
        MissingDependency: The runtime is not installed; the hint names the pip line.
        EngineFailure: The engine cannot load it.
    """
    if artifact.problems and not unverified:
        first = artifact.problems[0]
        raise ModelError(f"{first.where}: {first.message}", hint=first.hint)
    chosen = _choose(artifact, runtime)
    served = behavior(chosen) if behavior else chosen
    return WorkerSession(artifact, served, options or SessionOptions(), checked=not unverified)


def _choose(artifact: Artifact, name: str) -> Runtime:
    runtimes = all_runtimes()
    fitting = [each for each in runtimes.values() if artifact.format in each.formats]
    if name == "auto":
        installed = available_runtimes(artifact)
        if installed:
            return runtimes[installed[0]]
        if not fitting:
            raise UnsupportedModel(f"no runtime runs the format '{artifact.format}'")
        name = min(fitting, key=lambda each: each.asked_only).name
    runtime: Runtime = extensions.get("seatrial.runtimes", "RUNTIME", name)
    if runtime not in fitting:
        can = ", ".join(each.name for each in fitting) or "none"
        raise UnsupportedModel(
            f"{name} does not run {artifact.format}", hint=f"runtimes for it: {can}; or convert it first"
        )
    if not runtime.available():
        raise MissingDependency(f"{name} is not installed", hint=runtime.how_to_get())
    return runtime
