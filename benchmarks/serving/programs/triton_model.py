"""The model as Triton's Python backend wants it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import triton_python_backend_utils as triton
from engine import Engine


class TritonPythonModel:
    """One instance of the model."""

    def initialize(self, _: dict[str, Any]) -> None:
        """Called once."""
        self._engine = Engine()
        self._input, self._output = os.environ["BENCH_INPUT"], os.environ["BENCH_OUTPUT"]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Called with the requests of a batch that Triton formed."""
        arrays = [triton.get_input_tensor_by_name(each, self._input).as_numpy() for each in requests]
        rows = self._engine(np.concatenate(arrays) if len(arrays) > 1 else arrays[0])
        answers, place = [], 0
        for each in arrays:
            tensor = triton.Tensor(self._output, np.ascontiguousarray(rows[place : place + len(each)]))
            answers.append(triton.InferenceResponse([tensor]))
            place += len(each)
        return answers
