"""What one step's emitter is, and the guards that emitters share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.converters._fold.graph import Graph, Value, refused

EXACT = "exact"


@dataclass(frozen=True)
class Emitter:
    """Writes one step as nodes.

    Attributes:
        write: Takes the graph, the incoming value and every option by name; gives the outgoing value: a
            `Value`, a list of them (several outputs) or a mapping by key (feeds, parts of the answer).
        agreement: How near its result is to that of the Python step, for the table of the documents.
        batched: Whether it also works where every value has a batch axis.
        limits: Options or values it does not take, in words; empty when it takes all.
    """

    write: Callable[..., Any]
    agreement: str = EXACT
    batched: bool = False
    limits: str = ""


Family = Mapping[str, Emitter]


def one(value: Any, step: str, *, rank: int | None = None) -> Value:
    """The incoming value as one tensor.

    Raises:
        UnsupportedModel: It is several, or of another rank.
    """
    if not isinstance(value, Value):
        raise refused(step, "it takes one array here, and several come in")
    if rank is not None and value.rank != rank:
        raise refused(step, f"it takes an array of {rank} axes, and one of {value.rank} comes in")
    return value


def class_name(graph: Graph, index: Value) -> Value:
    """Names of classes by their index: the labels, or the numbers where there are none."""
    if not graph.labels:
        return graph.cast(index, "string")
    names = graph.constant(list(graph.labels), "string")
    return graph.put("Gather", names, index, label="label of a class", axis=0).shaped(*index.shape)
