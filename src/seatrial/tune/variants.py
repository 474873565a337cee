"""The forms of a model that are worth trying: as given, converted to what else is installed, given beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from seatrial.contract import Contract
from seatrial.contract.sample import Array
from seatrial.converters import convert, find_route
from seatrial.errors import SeatrialError, UsageError
from seatrial.model import Artifact, open_model
from seatrial.runtimes import Runtime, all_runtimes
from seatrial.tune.machine import GPU_RUNTIMES, Target
from seatrial.tune.space import Refused, Setup, Variant, setups, variant_name

AS_GIVEN = "as given"


def collect(
    artifact: Artifact,
    also: Sequence[Path],
    *,
    contract: Contract,
    target: Target,
    samples: Sequence[Mapping[str, Array]],
    scratch: Path,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[list[Variant], list[Refused]]:
    """Every variant, the model as given first, and what could not be made or does not fit.

    Args:
        artifact: The model as given.
        also: Models that answer the same contract, such as quantized ones.
        contract: What goes in and out.
        target: Whose engines count.
        samples: Real feeds; a conversion is believed only when it answers as its source does on them.
        scratch: An empty folder for what is converted.
        progress: Told what is being done.
    """
    variants, refused = [Variant.of(AS_GIVEN, artifact)], list[Refused]()
    for path in also:
        try:
            variants.append(_beside(path, contract))
        except SeatrialError as error:
            refused.append(Refused(f"given beside: {variant_name(path)}", error.message))
    own = [artifact.format]
    # What was converted before need not be made again for another runtime; what was given beside is another
    # model, and keeps nobody from trying this one.
    for runtime in _wanted(target):
        if any(each in runtime.formats for each in own):
            continue
        form = "" if runtime.tool else _nearest_format(artifact.format, runtime)
        if not form:
            refused.append(Refused(runtime.name, _not_converted(artifact, runtime)))
            continue
        progress(f"converting to {form} for {runtime.name}")
        try:
            made = convert(artifact, form, scratch / f"as-{form}", samples=samples, progress=progress)
        except SeatrialError as error:
            refused.append(Refused(f"converted to {form} for {runtime.name}", error.message))
        else:
            own.append(form)
            variants.append(Variant.of(f"converted to {form}", made.artifact))
    return variants, refused


def _not_converted(artifact: Artifact, runtime: Runtime) -> str:
    forms = " or ".join(runtime.formats)
    if runtime.tool:
        # What edge devices and other frameworks run is seldom what a server is to run.
        return f"it runs in an environment of its own: give {forms} with --also to have it tried"
    return f"nothing here converts {artifact.format} to {forms}"


def _nearest_format(source: str, runtime: Runtime) -> str:
    """The format of a runtime that the cheapest road leads to; empty: there is no road."""
    roads = []
    for form in runtime.formats:
        with suppress(SeatrialError):
            roads.append((find_route(source, form).cost, form))
    return min(roads)[1] if roads else ""


def _beside(path: Path, contract: Contract) -> Variant:
    artifact = open_model(path)
    if artifact.problems:
        raise UsageError(f"it is defective: {artifact.problems[0].message}")
    wanted = {each.name: each.dtype for each in contract.inputs}
    got = {each.name: each.dtype for each in artifact.inputs}
    if wanted != got:
        raise UsageError(f"it takes {got} where the contract says {wanted}")
    if len(artifact.outputs) != len(contract.outputs):
        count = len(contract.outputs)
        raise UsageError(f"it has {len(artifact.outputs)} outputs where the contract says {count}")
    return Variant.of(variant_name(path), artifact)


def _wanted(target: Target) -> list[Runtime]:
    """Installed runtimes that may be recommended for the target."""
    return [each for each in all_runtimes().values() if each.available() and not why_not(each, target)]


def why_not(runtime: Runtime, target: Target) -> str:
    """Why a runtime is not measured for a target; empty: it is."""
    if runtime.emulated:
        return "its processor is emulated here: its times would say nothing"
    if (runtime.name in GPU_RUNTIMES) != target.gpu:
        return "it runs on a GPU" if runtime.name in GPU_RUNTIMES else "it runs on the processor"
    if runtime.asked_only:
        return "it runs elsewhere than a server's engine: its times are not those of a service"
    return ""


def space(variants: Sequence[Variant], target: Target) -> tuple[list[Setup], list[Refused]]:
    """Every setup of every variant on the target, and every runtime that is left out, with the reason."""
    found, refused = list[Setup](), list[Refused]()
    for variant in variants:
        fitting = [each for each in all_runtimes().values() if variant.artifact.format in each.formats]
        for runtime in fitting:
            why = why_not(runtime, target)
            if not why and not runtime.available():
                why = f"not installed ({runtime.how_to_get()})"
            if why:
                refused.append(Refused(f"{variant.name}: {runtime.name}", why))
            else:
                found += setups(variant, runtime, cores=target.cores)
        if not fitting:
            refused.append(Refused(variant.name, f"no runtime runs {variant.artifact.format} models"))
    return found, refused
