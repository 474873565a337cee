"""The model behind Ray Serve."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import ray
from engine import BATCH, DELAY, PORT, Engine
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=2048)
class Model:
    """One replica."""

    def __init__(self) -> None:
        self._engine = Engine()

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=max(DELAY, 2.0) / 1e3)
    async def _batch(self, rows: list[Any]) -> list[Any]:
        return list(self._engine(np.stack(rows)))

    async def __call__(self, request: Request) -> dict[str, Any]:
        """One request."""
        body = await request.json()
        row = await self._batch(np.array(body["x"][0]))
        return {"y": [row.tolist()]}


if __name__ == "__main__":
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1",
        object_store_memory=100 << 20,
    )  # fmt: skip
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Model.bind(), route_prefix="/predict")
    while True:
        time.sleep(3600)
