"""The model in this process: prepares a sample, runs it, reads the answer. Safe to call from many threads."""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delivered import pipeline
from delivered.context import Array
from delivered.errors import ContractViolation, NoRuntime
from delivered.feeds import join, split
from delivered.payload import Payload

BUNDLE = Path(__file__).resolve().parents[3]  # BUNDLE/sdk/python/delivered


class Model:
    """One of the bundle's models, loaded.

    Args:
        bundle: The bundle's folder; the one that this file lies in by default.
        runtime: `onnxruntime`, `paddle` or `openvino`; the first that is installed by default.
        threads: That one call may use.

    Raises:
        NoRuntime: None is installed that runs one of the bundle's models; the message says what to install.
    """

    def __init__(self, bundle: Path | str = BUNDLE, *, runtime: str = "", threads: int = 1) -> None:
        self.bundle = Path(bundle)
        self.engine = _engine(self.bundle, runtime, threads)
        self.runtime = self.engine.name

    def predict(self, payload: Payload) -> Any:
        """The answer for one sample.

        Args:
            payload: A picture's bytes or path, a text, an array, or arrays by input name.

        Raises:
            ContractViolation: The sample is not what the contract says; the message names the step.
        """
        feeds, context = pipeline.prepare(payload)
        return pipeline.postprocess(self.run(feeds), 0, context)

    def predict_batch(self, payloads: Sequence[Payload]) -> list[Any]:
        """The answers for several samples, in their order; those of one shape are run in one call.

        Raises:
            ContractViolation: As `predict`; nothing is answered then.
        """
        prepared = [pipeline.prepare(each) for each in payloads]
        answers: list[Any] = [None] * len(prepared)
        for places in _groups([feeds for feeds, _ in prepared]):
            outputs = self.run(join([prepared[place][0] for place in places]))
            rows = split(outputs, [1] * len(places))
            for nth, place in enumerate(places):
                own = rows[nth] if rows is not None else self.run(prepared[place][0])
                answers[place] = pipeline.postprocess(own, 0, prepared[place][1])
        return answers

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The outputs for prepared inputs, batch axis included, in the contract's order."""
        outputs: list[Array] = self.engine.run(dict(feeds))
        return outputs


def _groups(feeds: Sequence[Mapping[str, Array]]) -> list[list[int]]:
    """Places of samples that may travel together."""
    if not pipeline.BATCHES:
        return [[place] for place in range(len(feeds))]
    alike: dict[Any, list[int]] = {}
    for place, each in enumerate(feeds):
        key = tuple((name, array.shape, array.dtype.str) for name, array in sorted(each.items()))
        alike.setdefault(key, []).append(place)
    return list(alike.values())


def _engine(bundle: Path, wanted: str, threads: int) -> Any:
    missing = []
    for form, graph in pipeline.MODELS:
        for engine in ENGINES:
            if form not in engine.formats or wanted not in ("", engine.name):
                continue
            if importlib.util.find_spec(engine.name) is None:
                missing.append(engine.name)
                continue
            path = bundle / graph
            if not path.is_file():
                raise ContractViolation(f"there is no {path}", hint="keep the bundle's folder as it is")
            return engine(path, threads)
    forms = ", ".join(form for form, _ in pipeline.MODELS)
    install = " or ".join(dict.fromkeys(missing)) or "a runtime for " + forms
    raise NoRuntime(f"{wanted or 'no runtime'} cannot run the {forms} model here", hint=f"install {install}")


class OnnxRuntime:
    """ONNX Runtime on the processor; one session answers all threads."""

    name, formats = "onnxruntime", ("onnx",)

    def __init__(self, graph: Path, threads: int) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is imported
        engine: Any = importlib.import_module(self.name)
        engine.disable_telemetry_events()
        options = engine.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        self.session = engine.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def run(self, feeds: dict[str, Array]) -> list[Array]:
        return list(self.session.run(None, feeds))


class Paddle:
    """Paddle Inference on the processor; each thread has a predictor of its own, weights are shared."""

    name, formats = "paddle", ("paddle-json", "paddle-pdmodel")

    def __init__(self, graph: Path, threads: int) -> None:
        importlib.import_module("zlib")  # before Paddle, which brings symbols of its own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.engine: Any = importlib.import_module("paddle.inference")
        weights = graph.with_suffix(".pdiparams")
        config = self.engine.Config(str(graph), str(weights) if weights.exists() else "")
        config.disable_gpu()
        config.disable_glog_info()
        config.disable_mkldnn()  # some graphs cannot be loaded with it
        config.set_cpu_math_library_num_threads(threads)
        self.first = self.engine.create_predictor(config)
        self.own = threading.local()
        self.cloning = threading.Lock()

    def run(self, feeds: dict[str, Array]) -> list[Array]:
        predictor = getattr(self.own, "predictor", None)
        if predictor is None:
            with self.cloning:
                predictor = self.own.predictor = self.first.clone()
        for name in predictor.get_input_names():
            handle = predictor.get_input_handle(name)
            handle.reshape(feeds[name].shape)
            handle.copy_from_cpu(feeds[name])
        predictor.run()
        return [predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()]


class OpenVino:
    """OpenVINO on the processor, in float32; each thread has a request of its own."""

    name, formats = "openvino", ("openvino", "onnx", "paddle-pdmodel")

    def __init__(self, graph: Path, threads: int) -> None:
        engine: Any = importlib.import_module(self.name)
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        self.compiled = engine.Core().compile_model(str(graph), "CPU", settings)
        self.own = threading.local()

    def run(self, feeds: dict[str, Array]) -> list[Array]:
        request = getattr(self.own, "request", None)
        if request is None:
            request = self.own.request = self.compiled.create_infer_request()
        inputs = {
            place: next(feeds[name] for name in feeds if name in port.get_names())
            for place, port in enumerate(self.compiled.inputs)
        }
        results = request.infer(inputs)
        return [results[port].copy() for port in self.compiled.outputs]


ENGINES: tuple[Any, ...] = (OnnxRuntime, Paddle, OpenVino)
