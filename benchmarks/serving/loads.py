"""What is asked of the servers."""

from __future__ import annotations

from dataclasses import dataclass

from models import DEVICE

OPEN_CONNECTIONS = 512
SEED = 7


@dataclass(frozen=True)
class Load:
    """One way to ask one model.

    Attributes:
        name: As the table says it.
        model: `sim`, `tiny` or `encoder`.
        what: For people.
        connections: Clients of a closed loop; of an open loop: most requests under way.
        share: Open loop: of what the device can do at most; 0: closed loop.
        serial: Whether a server without batching is asked too; else the load is far above what it can do.
        grpc: Over gRPC.
    """

    name: str
    model: str
    what: str
    connections: int
    share: float = 0.0
    serial: bool = False
    grpc: bool = False

    @property
    def rate(self) -> float:
        """Requests a second of an open loop."""
        return self.share * DEVICE.capacity


LOADS = {
    each.name: each
    for each in (
        Load("sim-1", "sim", "simulated device, 1 client", 1, serial=True),
        Load("sim-32", "sim", "simulated device, 32 clients", 32, serial=True),
        Load("sim-64", "sim", "simulated device, 64 clients", 64),
        Load("sim-p25", "sim", "simulated device, Poisson 25 % (5 x one at a time)", OPEN_CONNECTIONS, 0.25),
        Load("sim-p50", "sim", "simulated device, Poisson 50 %", OPEN_CONNECTIONS, 0.50),
        Load("sim-p95", "sim", "simulated device, Poisson 95 %", OPEN_CONNECTIONS, 0.95),
        Load("sim-p150", "sim", "simulated device, overload 150 %", OPEN_CONNECTIONS, 1.50),
        Load("tiny-1", "tiny", "tiny model, JSON, 1 client", 1, serial=True),
        Load("tiny-32", "tiny", "tiny model, JSON, 32 clients", 32, serial=True),
        Load("tiny-grpc-32", "tiny", "tiny model, gRPC, 32 clients", 32, grpc=True),
        Load("encoder-1", "encoder", "transformer, JSON, 1 client", 1, serial=True),
        Load("encoder-32", "encoder", "transformer, JSON, 32 clients", 32, serial=True),
    )
}
