"""Triton's model repository extension: what is there, load it, unload it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from seatrial.errors import UsageError
from seatrial.serve.json_body import read_json
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.status import Refusal
from seatrial.serve.versions.keeper import Keeper

_IGNORED = "unload_dependents"  # no model here is loaded because of another


class RepositoryRoutes:
    """What lies under `/v2/repository`: `index`, `models/NAME/load`, `models/NAME/unload`.

    What can be loaded is what the settings name. Nothing in a request is a path or a configuration.

    Args:
        keeper: Does the work.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def __call__(self, exchange: Exchange, words: list[str]) -> None:
        """Answers one request; `words` are the path's behind `/v2/repository`."""
        match words:
            case ["index"]:
                exchange.only("POST")
                ready = _flag(_object(exchange), "ready")
                exchange.json([asdict(each) for each in self._keeper.index(ready=ready)])
            case ["models", name, "load"]:
                exchange.only("POST")
                check_parameters(_object(exchange).get("parameters", {}))
                self._begin(exchange, self._keeper.load(name))
            case ["models", name, "unload"]:
                exchange.only("POST")
                check_parameters(_object(exchange).get("parameters", {}))
                self._begin(exchange, self._keeper.unload(name))
            case _:
                raise Refusal(
                    "no-such-path",
                    f"there is nothing at '{exchange.path[:200]}'",
                    hint="see /v2/repository/index and /v2/repository/models/NAME/load, .../unload",
                )

    def _begin(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        exchange.call.route = "repository"
        self._keeper.begin(work).add_done_callback(lambda task: _told(exchange, task))


def check_parameters(parameters: Any) -> None:
    """Refuses what a client may not say about a model that it wants loaded or unloaded.

    Raises:
        UsageError: It brings a configuration or files of its own.
    """
    if not isinstance(parameters, Mapping):
        raise UsageError("parameters: expected an object")
    for name in parameters:
        if name != _IGNORED:
            raise UsageError(
                f"parameters.{str(name)[:80]} is not taken: models are loaded as the server's settings say",
                hint="change serve.yaml and send SIGHUP",
            )


def _told(exchange: Exchange, task: asyncio.Task[None]) -> None:
    if task.cancelled():
        return  # the server is ending, and so is the connection
    error = task.exception()
    if error is not None:
        exchange.fail(error)
    else:
        exchange.json({})


def _object(exchange: Exchange) -> dict[str, Any]:
    if not exchange.body:
        return {}
    exchange.plain()
    try:
        body = read_json(exchange.body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise UsageError("the body: expected an object")
    return body


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise UsageError(f"{name}: expected true or false")
    return value
