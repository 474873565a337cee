"""Runs the test cases of this bundle on your machine and says how many pass.

    python test_cases/test.py [--runtime onnxruntime|paddle|openvino] [--json]

Needs Python 3.10 or later, numpy, and one runtime that runs one of the models in `models/`. Each case is
asked alone, and in one call with others of its shape where the model allows it; outputs must be as near to
the expected ones as `tolerance.json` says for that runtime. The files of the models are compared with the
digests in `manifest.json` first.

Exit code: 0 all passed; 1 a case failed, or a file is not the one that was delivered; 2 nothing could be run.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import re
import sys
import warnings
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
BUNDLE = FOLDER.parent
TOGETHER = 4  # cases in one call
SHOWN = 20  # lines about failures; --json has all of them


class CannotRun(Exception):
    """Nothing can be tested here; the message says what is missing."""


class OnnxRuntime:
    """ONNX Runtime on the processor."""

    name, module, formats = "onnxruntime", "onnxruntime", ("onnx",)

    def __init__(self, graph: Path) -> None:
        # Its Linux build writes a database into the home folder and knows an address to send it to.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        engine: Any = importlib.import_module(self.module)
        engine.disable_telemetry_events()
        engine.set_default_logger_severity(4)
        self.version = str(engine.__version__)
        options = engine.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self._session = engine.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """Outputs in the model's order."""
        return list(self._session.run(None, feeds))


class Paddle:
    """Paddle Inference on the processor."""

    name, module, formats = "paddle", "paddle", ("paddle-json", "paddle-pdmodel")

    def __init__(self, graph: Path) -> None:
        importlib.import_module("zlib")  # before Paddle, which brings symbols of its own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses a compiler cache that nobody needs here
            self.version = str(importlib.import_module(self.module).__version__)
            self._engine: Any = importlib.import_module("paddle.inference")
        self._graph, self._onednn = graph, True
        try:
            self._predictor = self._loaded()
        except Exception:  # noqa: BLE001 - Paddle cannot load some graphs with oneDNN (Paddle#77340)
            self._onednn = False
            self._predictor = self._loaded()

    def _loaded(self) -> Any:
        weights = self._graph.with_suffix(".pdiparams")
        config = self._engine.Config(str(self._graph), str(weights) if weights.exists() else "")
        config.disable_gpu()
        config.disable_glog_info()
        config.set_cpu_math_library_num_threads(1)
        if self._onednn:
            config.enable_mkldnn()
        else:
            config.disable_mkldnn()
        return self._engine.create_predictor(config)

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """Outputs in the model's order."""
        try:
            return self._answers(feeds)
        except Exception:
            if not self._onednn:
                raise
            self._onednn = False
            self._predictor = self._loaded()
            return self._answers(feeds)

    def _answers(self, feeds: dict[str, Any]) -> list[Any]:
        for name in self._predictor.get_input_names():
            handle = self._predictor.get_input_handle(name)
            handle.reshape(feeds[name].shape)
            handle.copy_from_cpu(feeds[name])
        self._predictor.run()
        names = self._predictor.get_output_names()
        return [self._predictor.get_output_handle(name).copy_to_cpu() for name in names]


class OpenVino:
    """OpenVINO on the processor, in float32."""

    name, module, formats = "openvino", "openvino", ("openvino", "onnx", "paddle-pdmodel")

    def __init__(self, graph: Path) -> None:
        engine: Any = importlib.import_module(self.module)
        self.version = str(engine.__version__).partition("-")[0]
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        self._compiled = engine.Core().compile_model(str(graph), "CPU", settings)

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """Outputs in the model's order."""
        inputs = {
            place: next(feeds[name] for name in feeds if name in port.get_names())
            for place, port in enumerate(self._compiled.inputs)
        }
        results = self._compiled(inputs)
        return [results[port].copy() for port in self._compiled.outputs]


RUNTIMES: tuple[Any, ...] = (Paddle, OnnxRuntime, OpenVino)


def read_json(path: Path) -> Any:
    """A JSON file of the bundle."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CannotRun(f"{path.name} cannot be read: {error}") from error


def changed_files(manifest: dict[str, Any]) -> list[str]:
    """Files of the models and of the test cases that are not those that were delivered."""
    found = []
    for entry in manifest["files"]:
        if entry["role"] not in ("model", "test"):
            continue
        path = BUNDLE / entry["path"]
        if not path.is_file():
            found.append(f"missing: {entry['path']}")
        elif f"sha256:{digest_of(path)}" != entry["sha256"]:
            found.append(f"changed: {entry['path']} is not the file that was delivered")
    return found


def digest_of(path: Path) -> str:
    """Hexadecimal sha256 of a file, in constant memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while portion := stream.read(1 << 20):
            digest.update(portion)
    return digest.hexdigest()


def read_rows(name: str) -> list[dict[str, Any]]:
    """Arrays by name for each case, in the order of the model's inputs or outputs."""
    numpy: Any = importlib.import_module("numpy")
    cases: dict[int, dict[str, Any]] = {}
    try:
        with numpy.load(FOLDER / name, allow_pickle=False) as arrays:
            for key in arrays.files:
                array = arrays[key]
                if array.dtype.kind == "U":
                    array = array.astype(object)  # as engines take and give texts
                apart = re.fullmatch(r"(.+)/(\d+)", key)
                if apart:
                    cases.setdefault(int(apart[2]), {})[apart[1]] = array
                    continue
                for row in range(len(array)):
                    cases.setdefault(row, {})[key] = array[row : row + 1]
    except Exception as error:
        raise CannotRun(f"{name} cannot be read: {error}") from error
    if not cases or sorted(cases) != list(range(len(cases))):
        raise CannotRun(f"{name} does not hold whole cases")
    return [cases[index] for index in range(len(cases))]


def bounds(tolerance: dict[str, Any], output: str, runtime: str) -> tuple[float, float]:
    """`(atol, rtol)` of an output: what is said most narrowly holds."""
    there = tolerance.get("runtimes", {}).get(runtime, {})
    said = (
        there.get("outputs", {}).get(output, {}),
        there,
        tolerance.get("outputs", {}).get(output, {}),
        tolerance,
        {"atol": 1e-5, "rtol": 1e-4},
    )
    atol = next(each["atol"] for each in said if each.get("atol") is not None)
    rtol = next(each["rtol"] for each in said if each.get("rtol") is not None)
    return float(atol), float(rtol)


def difference(got: Any, expected: Any, atol: float, rtol: float) -> str:
    """Where and by how much an output is wrong; empty when it is not."""
    numpy: Any = importlib.import_module("numpy")
    if got.shape != expected.shape:
        return f"has the shape {list(got.shape)}, expected {list(expected.shape)}"
    if expected.dtype.kind != "f":
        wrong = got != expected
        if not numpy.any(wrong):
            return ""
        where = numpy.unravel_index(int(numpy.argmax(wrong)), expected.shape)
        return f"is {got[where]} at {[int(each) for each in where]}, expected {expected[where]}"
    if got.dtype.kind not in "fiub":
        return f"is of type {got.dtype}, expected {expected.dtype}"
    left, right = got.astype("float64"), expected.astype("float64")
    same = (left == right) | (numpy.isnan(left) & numpy.isnan(right))
    with numpy.errstate(invalid="ignore"):
        over = numpy.where(same, -numpy.inf, abs(left - right) - (atol + rtol * abs(right)))
    # NaN or infinity against a number is as wrong as can be.
    over = numpy.where(numpy.isnan(over) | (~same & numpy.isinf(right)), numpy.inf, over)
    if not numpy.any(over > 0):
        return ""
    where = numpy.unravel_index(int(numpy.argmax(over)), over.shape)
    return (
        f"differs by {abs(left[where] - right[where]):.3g} at {[int(each) for each in where]}: "
        f"{left[where]:.6g}, expected {right[where]:.6g} (allowed: {atol:g} + {rtol:g} x expected)"
    )


def open_model(manifest: dict[str, Any], wanted: str) -> tuple[Any, dict[str, Any]]:
    """The first model that an installed runtime loads, and what the manifest says of it."""
    if "sealed" in manifest:
        raise CannotRun("the models are sealed: run seatrial selfcheck BUNDLE --unseal-key YOUR.key")
    said = []
    for model in manifest["models"]:
        for runtime in RUNTIMES:
            if model["format"] not in runtime.formats or wanted not in ("", runtime.name):
                continue
            if importlib.util.find_spec(runtime.module) is None:
                said.append(f"{runtime.name} is not installed")
                continue
            try:
                return runtime(BUNDLE / model["graph"]), model
            except Exception as error:  # noqa: BLE001 - engines raise what they like, and another may do
                said.append(f"{runtime.name} does not load {model['graph']}: {error}")
    formats = ", ".join(each["format"] for each in manifest["models"])
    raise CannotRun("; ".join(dict.fromkeys(said)) or f"{wanted or 'no runtime'} does not run {formats}")


def asked(runtime: Any, feeds: list[dict[str, Any]]) -> list[Any]:
    """Outputs of cases in one call, a list for each; raises what the engine raises."""
    numpy: Any = importlib.import_module("numpy")
    outputs = runtime.run({name: numpy.concatenate([each[name] for each in feeds]) for name in feeds[0]})
    if len(feeds) == 1:
        return [outputs]
    if any(each.shape[:1] != (len(feeds),) for each in outputs):
        raise ValueError(f"{len(feeds)} cases went in and rows of shape {outputs[0].shape} came back")
    return [[each[row : row + 1] for each in outputs] for row in range(len(feeds))]


def groups_of(feeds: list[dict[str, Any]]) -> list[list[int]]:
    """Cases of one shape, a few at a time; those that stand alone are left out."""
    alike: dict[Any, list[int]] = {}
    for index, each in enumerate(feeds):
        key = tuple((name, array.shape, str(array.dtype)) for name, array in each.items())
        alike.setdefault(key, []).append(index)
    parts = [
        some[start : start + TOGETHER] for some in alike.values() for start in range(0, len(some), TOGETHER)
    ]
    return [each for each in parts if len(each) > 1]


def failures(runtime: Any, tolerance: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """How many cases there are, and what is wrong with which."""
    feeds, expected = read_rows("inputs.npz"), read_rows("expected_outputs.npz")
    if len(feeds) != len(expected):
        raise CannotRun(f"{len(feeds)} cases of inputs and {len(expected)} of outputs")
    calls = [[index] for index in range(len(feeds))]
    calls += groups_of(feeds) if tolerance.get("batch") else []
    found: list[dict[str, Any]] = []
    for call in calls:
        how = "" if len(call) == 1 else f" among {len(call)} in one call"
        known = {each["case"] for each in found}
        try:
            rows = asked(runtime, [feeds[index] for index in call])
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, the case failed
            said = {index: [("", f"refused: {error}")] for index in call}
        else:
            wanted = [expected[index] for index in call]
            pairs = zip(call, rows, wanted, strict=True)
            said = {index: wrong(got, case, tolerance, runtime.name) for index, got, case in pairs}
        found += [
            {"case": index, "output": output, "why": f"case {index}{how}: {why}"}
            for index, some in said.items()
            for output, why in some
            if not how or index not in known  # told already, when it was asked alone
        ]
    return len(feeds), found


def wrong(
    outputs: list[Any], expected: dict[str, Any], tolerance: dict[str, Any], runtime: str
) -> list[tuple[str, str]]:
    """Outputs of one case that are wrong: their names, and where and by how much."""
    if len(outputs) != len(expected):
        return [("", f"{len(outputs)} outputs, expected {len(expected)}")]
    pairs = zip(expected.items(), outputs, strict=True)
    said = ((name, difference(got, want, *bounds(tolerance, name, runtime))) for (name, want), got in pairs)
    return [(name, f"output '{name}' {why}") for name, why in said if why]


def tested(wanted: str) -> dict[str, Any]:
    """Everything that was found."""
    if importlib.util.find_spec("numpy") is None:
        raise CannotRun("numpy is not installed: pip install numpy")
    manifest = read_json(BUNDLE / "manifest.json")
    if not isinstance(manifest, dict) or not {"name", "version", "models", "files"} <= manifest.keys():
        raise CannotRun("manifest.json does not list a bundle")
    changed = changed_files(manifest)
    runtime, model = open_model(manifest, wanted)
    count, found = failures(runtime, read_json(FOLDER / "tolerance.json"))
    failed = sorted({each["case"] for each in found})
    return {
        "release": f"{manifest['name']}@{manifest['version']}",
        "model": model["graph"],
        "runtime": f"{runtime.name} {runtime.version}",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "cases": count,
        "passed": count - len(failed),
        "failed": failed,
        "failures": found,
        "changed": changed,
    }


def told(result: dict[str, Any]) -> str:
    """The result for people, the verdict last."""
    lines = [*result["changed"], *(each["why"] for each in result["failures"])]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"... and {len(lines) - SHOWN} lines more (--json)"]
    passed = f"{result['passed']} of {result['cases']} passed"
    lines.append(f"{passed} on {result['runtime']} ({result['machine']}; {result['model']})")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Runs the cases and returns the exit code."""
    parser = argparse.ArgumentParser(description="Runs the test cases of this bundle.")
    parser.add_argument("--runtime", default="", choices=("", *(each.name for each in RUNTIMES)))
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    options = parser.parse_args(arguments)
    try:
        result = tested(options.runtime)
    except CannotRun as error:
        sys.stderr.write(f"cannot run: {error}\n")
        return 2
    sys.stdout.write(json.dumps(result, indent=1) + "\n" if options.json else told(result))
    return 1 if result["failed"] or result["changed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
