"""The child of `paddle_layer_to_*`: `python -m seatrial.converters._paddle_export REQUEST ANSWER`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import Refused, answer


def _convert(request: Mapping[str, Any]) -> dict[str, Any]:
    # Read when Paddle is imported: the old graph format is written by the old machinery only.
    os.environ.update(FLAGS_enable_pir_api="0" if request["legacy"] else "1")
    lazy.load("zlib", extra="paddle")
    paddle: Any = lazy.load("paddle", extra="paddle")
    from seatrial.runtimes import _paddle_layer

    with tempfile.TemporaryDirectory(prefix="seatrial-source-") as scratch:
        layer = _paddle_layer.load(request["graph"], scratch)
        specs = [_spec(paddle, each) for each in request["inputs"]]
        try:
            static = paddle.jit.to_static(layer, input_spec=specs, full_graph=True)
            paddle.jit.save(static, str(Path(request["target"]).with_suffix("")))
        except Exception as error:
            raise Refused(_reason(error, scratch), hint=_HINT) from error
    return {"version": str(paddle.__version__)}


_HINT = (
    "Paddle could not turn forward() into a static graph: express the branch or loop with tensors "
    "(paddle.where, paddle.static.nn.cond); the inputs' shapes and dtypes must be those of training"
)


def _spec(paddle: Any, told: Mapping[str, Any]) -> Any:
    shape = [each if isinstance(each, int) else None for each in told["shape"]]
    return paddle.static.InputSpec(shape, told["dtype"], told["name"])


def _reason(error: Exception, scratch: str) -> str:
    """The last line of Paddle's long message and the last line of the source that it names."""
    lines = [each.strip() for each in str(error).splitlines() if each.strip()]
    places = [each for each in lines if scratch in each and "line" in each]
    place = ""
    if places:
        file, _, rest = places[-1].partition(scratch)[2].partition('"')
        number = rest.partition("line ")[2].partition(",")[0]
        place = f" ({Path(file).name} line {number})"
    said = next((each for each in reversed(lines) if "Error" in each), lines[-1] if lines else "")
    kind = type(error).__name__
    return f"forward() cannot be exported{place}: {kind}: {said.removeprefix(f'{kind}: ')}"


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _convert))
