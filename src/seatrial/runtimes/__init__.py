"""What runs a model: engines, each in a process of its own.

The names are looked up when they are first used, because the worker processes import this package too
and must get by with the standard library, numpy and their engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import lazy

if TYPE_CHECKING:
    from seatrial.runtimes._client import native_precision
    from seatrial.runtimes._divergence import Localisation, OperatorError, first_divergence, tensor_error
    from seatrial.runtimes._engine import Runtime
    from seatrial.runtimes._feed_check import Checked, FeedCheck, shape_of
    from seatrial.runtimes._feeds import checked, length_input
    from seatrial.runtimes._flow import flow_of, hidden_before
    from seatrial.runtimes._lots import Lot, Portion, joined
    from seatrial.runtimes._open import all_runtimes, available_runtimes, open_session, runnable
    from seatrial.runtimes._pool import Pool
    from seatrial.runtimes._process import inherited_environment, run_logged, tail_of
    from seatrial.runtimes._session import (
        Exercise,
        OperatorOutput,
        Precision,
        Resources,
        Session,
        SessionOptions,
    )
    from seatrial.runtimes._words import describe, plain_words

__all__ = [
    "Checked",
    "Exercise",
    "FeedCheck",
    "Localisation",
    "Lot",
    "OperatorError",
    "OperatorOutput",
    "Pool",
    "Portion",
    "Precision",
    "Resources",
    "Runtime",
    "Session",
    "SessionOptions",
    "all_runtimes",
    "available_runtimes",
    "checked",
    "describe",
    "first_divergence",
    "flow_of",
    "hidden_before",
    "inherited_environment",
    "joined",
    "length_input",
    "native_precision",
    "open_session",
    "plain_words",
    "run_logged",
    "runnable",
    "shape_of",
    "tail_of",
    "tensor_error",
]

_HOMES = {
    "Checked": "_feed_check",
    "FeedCheck": "_feed_check",
    "Localisation": "_divergence",
    "Lot": "_lots",
    "OperatorError": "_divergence",
    "Pool": "_pool",
    "Portion": "_lots",
    "Runtime": "_engine",
    "all_runtimes": "_open",
    "available_runtimes": "_open",
    "checked": "_feeds",
    "describe": "_words",
    "first_divergence": "_divergence",
    "flow_of": "_flow",
    "hidden_before": "_flow",
    "inherited_environment": "_process",
    "joined": "_lots",
    "length_input": "_feeds",
    "native_precision": "_client",
    "open_session": "_open",
    "plain_words": "_words",
    "run_logged": "_process",
    "runnable": "_open",
    "shape_of": "_feed_check",
    "tail_of": "_process",
    "tensor_error": "_divergence",
}

__getattr__ = lazy.names(__name__, _HOMES, __all__, "_session")
