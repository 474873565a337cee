"""The child of `quantize_paddle`: `python -m seatrial.converters._quantize_paddle REQUEST ANSWER`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import answer
from seatrial.converters._calibration_file import read_feeds
from seatrial.errors import UnsupportedModel

_OPERATORS = ("conv2d", "depthwise_conv2d", "matmul", "matmul_v2", "mul")
_METHODS = {"minmax": "abs_max", "entropy": "KL", "percentile": "hist"}


def _work(request: Mapping[str, Any]) -> dict[str, Any]:
    # Its quantizer works on the program of Paddle 2, and the switch is read when Paddle is loaded.
    os.environ.update({"FLAGS_enable_pir_api": "0"})
    paddle: Any = lazy.load("paddle", extra="paddle")
    tool: Any = lazy.load("paddle.static.quantization", extra="paddle")
    logging.disable(logging.INFO)
    paddle.enable_static()
    graph, folder = Path(request["graph"]), Path(request["folder"])
    feeds = read_feeds(Path(request["feeds"]))

    def batches() -> Iterator[dict[str, Any]]:
        yield from feeds

    quantizer = tool.PostTrainingQuantization(
        executor=paddle.static.Executor(paddle.CPUPlace()),
        model_dir=str(graph.parent),
        model_filename=graph.name,
        params_filename=Path(request["weights"]).name,
        data_loader=batches,
        batch_size=1,
        batch_nums=len(feeds),
        algo=_METHODS[request["calibration"]],
        quantizable_op_type=list(_OPERATORS),
        weight_quantize_type="channel_wise_abs_max" if request["per_channel"] else "abs_max",
    )
    quantizer.quantize()
    stem = graph.stem
    quantizer.save_quantized_model(
        str(folder), model_filename=f"{stem}.pdmodel", params_filename=f"{stem}.pdiparams"
    )
    # A pickle that nothing needs.
    (folder / f"{stem}.pdiparams.info").unlink(missing_ok=True)
    if not (folder / f"{stem}.pdmodel").exists():
        raise UnsupportedModel("Paddle's quantizer left no model")
    return {"graph": f"{stem}.pdmodel"}


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _work))
