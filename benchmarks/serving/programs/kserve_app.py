"""The model behind KServe's Python model server."""

from __future__ import annotations

from typing import Any

from engine import MODEL, Engine
from kserve import InferOutput, InferRequest, InferResponse, ModelServer
from kserve import Model as KServeModel


class Model(KServeModel):
    """One model."""

    def __init__(self) -> None:
        super().__init__(MODEL)
        self._engine = Engine()
        self.ready = True

    async def predict(self, payload: InferRequest, *_: Any, **__: Any) -> InferResponse:
        """One request."""
        rows = self._engine(payload.inputs[0].as_numpy())
        output = InferOutput("y", list(rows.shape), "FP32")
        output.set_data_from_numpy(rows, binary_data=False)
        return InferResponse(payload.id or "", MODEL, [output])


if __name__ == "__main__":
    ModelServer().start([Model()])
