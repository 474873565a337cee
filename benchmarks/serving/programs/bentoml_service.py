"""The model behind BentoML, which reads annotations: they are not postponed here."""

import bentoml
import numpy as np
from engine import BATCH, Engine


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 1024})
class Service:
    """One service."""

    def __init__(self) -> None:
        self._engine = Engine()

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=1000)
    def predict(self, x: np.ndarray) -> np.ndarray:
        """One batch."""
        return self._engine(x)
