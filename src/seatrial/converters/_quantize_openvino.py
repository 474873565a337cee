"""The child of `quantize_openvino`: `python -m seatrial.converters._quantize_openvino REQUEST ANSWER`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.converters._answering import answer
from seatrial.converters._calibration_file import read_feeds
from seatrial.errors import UnsupportedModel

_WHOLE = 300  # samples NNCF looks at, at most


def _work(request: Mapping[str, Any]) -> dict[str, Any]:
    openvino: Any = lazy.load("openvino", extra="quantize")
    nncf: Any = lazy.load("nncf", extra="quantize")
    nncf.set_log_level(logging.ERROR)
    weights = [request["weights"]] if request["weights"] else []
    model = openvino.Core().read_model(request["graph"], *weights)
    if any(each.get_type_name() == "FakeQuantize" for each in model.get_ops()):
        raise UnsupportedModel(
            "the model is quantized already", hint="quantize the float model that it was made of"
        )
    feeds = read_feeds(Path(request["feeds"]))
    ports = [_port(each, feeds[0]) for each in model.inputs]
    data = nncf.Dataset(feeds, lambda feed: {port: feed[name] for port, name in ports})
    common = {
        "subset_size": min(_WHOLE, len(feeds)),
        "advanced": nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE if request["reduce_range"] else nncf.OverflowFix.DISABLE,
            weights_quantization_params=nncf.quantization.advanced_parameters.QuantizationParameters(
                per_channel=bool(request["per_channel"])
            ),
        ),
        "kind": nncf.ModelType.TRANSFORMER if request["transformer"] else None,
        "ignored": nncf.IgnoredScope(names=list(request["keep"]), validate=True),
    }
    before = sum(each.get_type_name() in ("Convolution", "MatMul") for each in model.get_ops())
    result = (
        _controlled(nncf, model, data, feeds, request, common)
        if request["drop"]
        else _plain(nncf, model, data, common)
    )
    fakes = sum(each.get_type_name() == "FakeQuantize" for each in result.get_ops())
    if not fakes:
        raise UnsupportedModel(
            "the model has no operator that can become integer", hint="convolutions and products can"
        )
    _without_machine(result)
    openvino.save_model(result, request["target"], compress_to_fp16=False)
    return {"layers": before, "fakes": fakes}


def _port(port: Any, feed: Mapping[str, Any]) -> tuple[str, str]:
    names = [name for name in feed if name in port.get_names()]
    if not names:
        raise UnsupportedModel(f"the samples have nothing for the input '{port.get_any_name()}'")
    return names[0], names[0]


def _plain(nncf: Any, model: Any, data: Any, common: Mapping[str, Any]) -> Any:
    return nncf.quantize(
        model,
        data,
        subset_size=common["subset_size"],
        model_type=common["kind"],
        ignored_scope=common["ignored"],
        advanced_parameters=common["advanced"],
    )


def _controlled(
    nncf: Any, model: Any, data: Any, feeds: Any, request: Mapping[str, Any], common: Mapping[str, Any]
) -> Any:
    """NNCF's accuracy control: layers go back to float until samples are answered as before.

    Its measure is how often the strongest element of every output stays that of the float model: it needs no
    labels, and the caller judges the result by its own metric on other samples.
    """
    reference = _answers(model, feeds)

    def validate(compiled: Any, _: Iterable[Any]) -> tuple[float, list[float]]:
        told = [_outputs(compiled, feed) for feed in feeds]
        scores = [_alike(a, b) for a, b in zip(reference, told, strict=True)]
        return float(np.mean(scores)), scores

    return nncf.quantize_with_accuracy_control(
        model,
        data,
        data,
        validate,
        max_drop=float(request["drop"]),
        subset_size=common["subset_size"],
        model_type=common["kind"],
        ignored_scope=common["ignored"],
        advanced_quantization_parameters=common["advanced"],
    )


def _answers(model: Any, feeds: Any) -> list[list[Any]]:
    openvino: Any = lazy.load("openvino", extra="quantize")
    compiled = openvino.Core().compile_model(model, "CPU")
    return [_outputs(compiled, feed) for feed in feeds]


def _outputs(compiled: Any, feed: Mapping[str, Any]) -> list[Any]:
    told = compiled(dict(feed))
    return [np.array(told[port]) for port in compiled.outputs]


def _alike(wanted: list[Any], got: list[Any]) -> float:
    same = [
        np.mean(np.argmax(a, -1) == np.argmax(b, -1))
        if a.ndim > 1 and a.shape[-1] > 1
        else np.allclose(a, b, atol=0.05)
        for a, b in zip(wanted, got, strict=True)
    ]
    return float(np.mean(same))


def _without_machine(model: Any) -> None:
    """What the tool notes of itself may name folders of this machine; the result must not."""
    for name in list(model.get_rt_info()):
        if name not in ("nncf",):
            del model.get_rt_info()[name]


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _work))
