"""The child of `torch_to_executorch`: `python -m seatrial.converters._executorch_export REQUEST ANSWER`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import Refused, answer


def _convert(request: Mapping[str, Any]) -> dict[str, Any]:
    torch: Any = lazy.load("torch", extra="torch")
    exir: Any = lazy.load("executorch.exir", extra="torch")
    xnnpack: Any = lazy.load("executorch.backends.xnnpack.partition.xnnpack_partitioner", extra="torch")
    program = torch.export.load(request["graph"])
    _bound(program, batch=request["batch"], largest=request["largest"])
    try:
        lowered = exir.to_edge_transform_and_lower(
            program,
            partitioner=[xnnpack.XnnpackPartitioner()],
            constant_methods={request["method"]: request["interface"]},
        )
        made = lowered.to_executorch()
    except Exception as error:
        said = next((each.strip() for each in str(error).splitlines() if each.strip()), "")
        raise Refused(
            f"the program cannot be lowered: {type(error).__name__}: {said[:600]}",
            hint="an operator of the model has no kernel in ExecuTorch, or a shape depends on values",
        ) from error
    Path(request["target"]).write_bytes(made.buffer)
    return {"version": str(torch.__version__)}


def _bound(program: Any, *, batch: int, largest: int) -> None:
    """Gives free dimensions an upper bound: memory is planned for it, and without one it is a guess."""
    ranges: Any = lazy.load("torch.utils._sympy.value_ranges", extra="torch")
    wanted = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        if node.op != "placeholder" or node.name not in wanted:
            continue
        for axis, size in enumerate(getattr(node.meta.get("val"), "shape", ())):
            if isinstance(size, int):
                continue
            symbol = size.node.expr
            if symbol not in program.range_constraints:
                continue  # it follows from another dimension
            known, most = program.range_constraints[symbol], batch if axis == 0 else largest
            upper = min(int(known.upper), most) if known.upper.is_Integer else most
            bound = ranges.ValueRanges(max(1, int(known.lower)), upper)
            program.range_constraints[symbol] = bound
            size.node.shape_env.var_to_range[symbol] = bound


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _convert))
