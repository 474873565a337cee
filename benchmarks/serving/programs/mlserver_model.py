"""The model as MLServer wants it."""

from __future__ import annotations

from engine import Engine
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Model(MLModel):
    """One version of the model."""

    async def load(self) -> bool:
        """Called once."""
        self._engine = Engine()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Called with the requests that MLServer merged."""
        rows = self._engine(NumpyCodec.decode_input(payload.inputs[0]))
        output = NumpyCodec.encode_output("y", rows)
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
