"""Who answers, set while the server runs: `/v1/models/NAME/route`, and what its shadow found."""

from __future__ import annotations

import orjson
from pydantic import ValidationError

from seatrial.errors import UsageError
from seatrial.serve.json_body import read_json
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Route


class ManagementRoutes:
    """The part of `/v1` that sets and tells instead of answering.

    Args:
        service: Whose traffic it is.
    """

    def __init__(self, service: InferenceService) -> None:
        self._traffic = service.traffic

    def __call__(self, exchange: Exchange, name: str, word: str) -> None:
        """Answers one request for a model's `route` or `shadow`."""
        if word == "shadow":
            exchange.only("GET")
            exchange.json(self._traffic.shadow(name))
            return
        exchange.only("GET", "PUT")
        if exchange.method == "PUT":
            exchange.plain()
            self._traffic.set_route(name, read_route(exchange.body))
        exchange.json(self._traffic.route(name).model_dump(mode="json"))


def read_route(body: bytes | bytearray) -> Route:
    """A route from the bytes of its JSON.

    Raises:
        UsageError: It is none; the message names the key.
    """
    try:
        return Route.model_validate(read_json(body))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body is no JSON: {error}", hint=_EXAMPLE) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "the body"
        raise UsageError(f"{where[:200]}: {first['msg'][:300]}", hint=_EXAMPLE) from error


_EXAMPLE = 'such as {"weights": {"1": 95, "2": 5}, "sticky": "X-User", "shadow": {"version": "2"}}'
