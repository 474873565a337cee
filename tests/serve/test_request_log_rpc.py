"""The request log over gRPC: the same lines as over REST, one for each call."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import numpy as np
from tritonclient.utils import InferenceServerException

from seatrial.serve.settings import Log
from seatrial.serve.watching.observing import observe
from support.rpc_served import column, rpc
from support.served import loaded


async def test_every_call_has_one_line_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    model, _ = await loaded(seconds=0.002, max_batch_size=4, max_queue_size=40)
    path = tmp_path / "requests.jsonl"
    answered: list[str] = []
    given_up: list[str] = []
    async with rpc(model) as server:
        observe(server.instruments, Log(requests=str(path)))

        async def client(number: int) -> None:
            for turn in range(10):
                log_id = f"{number}-{turn}"
                rows = range(int(rng.choice((1, 2, 3, 9))))
                name = "double" if rng.random() < 0.7 else "none"
                asked = asyncio.ensure_future(
                    server.client.infer(name, [column(*rows)], headers={"x-log-id": log_id})
                )
                if rng.random() < 0.2:
                    await asyncio.sleep(rng.random() * 0.004)
                    asked.cancel()
                try:
                    await asked
                except InferenceServerException:
                    answered.append(log_id)
                except asyncio.CancelledError:
                    given_up.append(log_id)
                else:
                    answered.append(log_id)

        await asyncio.gather(*map(client, range(12)))
        await asyncio.sleep(0.05)  # cancellations reach the server after the client has gone on
        server.instruments.close()
    lines = [json.loads(each) for each in path.read_text("utf-8").splitlines()]
    seen = Counter(each["log_id"] for each in lines)
    assert set(seen.values()) == {1}
    assert set(answered) <= set(seen) <= set(answered) | set(given_up)
    assert {each["verdict"] for each in lines} >= {"ok", "refused"}
    assert {each["client"] for each in lines} == {"127.0.0.1"}
