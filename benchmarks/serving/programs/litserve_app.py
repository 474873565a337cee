"""The model behind LitServe, which reads annotations: they are not postponed here."""

from typing import Any

import litserve
import numpy as np
from engine import BATCH, DELAY, PORT, Engine


class Api(litserve.LitAPI):
    """What LitServe calls."""

    def setup(self, device: str) -> None:
        """Called once in the worker."""
        self._engine = Engine()

    def decode_request(self, request: dict[str, Any]) -> Any:
        """One request; the argument must have this name."""
        return np.array(request["x"][0])

    def batch(self, inputs: list[Any]) -> Any:
        """Requests to one batch."""
        return np.stack(inputs)

    def predict(self, x: Any) -> Any:
        """One batch."""
        return self._engine(x)

    def unbatch(self, output: Any) -> Any:
        """One batch to answers."""
        return list(output)

    def encode_response(self, output: Any) -> dict[str, Any]:
        """One answer."""
        return {"y": [output.tolist()]}


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=max(DELAY, 2.0) / 1e3)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
