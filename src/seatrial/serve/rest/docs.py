"""`/docs`: the server's OpenAPI document, and Swagger UI to try it, without a byte from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib import resources

from seatrial.errors import MissingDependency
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.openapi import openapi
from seatrial.serve.service import InferenceService
from seatrial.serve.status import OK, Refusal

# What the page loads comes from this server alone; Swagger UI sets styles of its own.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Seatrial: what this server offers</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<noscript>This page needs JavaScript; the document is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: -1,
});
"""
_ASSETS = {"swagger-ui.css": b"text/css", "swagger-ui-bundle.js": b"text/javascript"}
_KEPT = {"Cache-Control": "max-age=86400"}


class DocsRoutes:
    """`/openapi.json`, `/docs` and what that page loads.

    Args:
        service: Whose models are described.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service

    def document(self, exchange: Exchange, words: list[str]) -> None:
        """Answers `/openapi.json`."""
        if words:
            raise Refusal("no-such-path", f"there is nothing at '{exchange.path[:200]}'")
        exchange.only("GET")
        exchange.call.route = "docs"
        exchange.json(openapi(self._service))

    def page(self, exchange: Exchange, words: list[str]) -> None:
        """Answers `/docs` and what lies under it."""
        name = "/".join(words)
        exchange.call.route = "docs"
        if name == "":
            exchange.only("GET")
            headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
            exchange.respond(OK, [_PAGE], kind=b"text/html; charset=utf-8", headers=headers)
        elif name == "start.js":
            exchange.only("GET")
            exchange.respond(OK, [_START], kind=b"text/javascript", headers=_KEPT)
        elif name in _ASSETS:
            exchange.only("GET")
            exchange.respond(OK, [_asset(name)], kind=_ASSETS[name], headers=_KEPT)
        else:
            raise Refusal("no-such-path", f"there is nothing at '{exchange.path[:200]}'", hint="see /docs")


@cache
def _asset(name: str) -> bytes:
    """A file of Swagger UI as the package `swagger-ui-py` (Apache-2.0) brings it."""
    try:
        return (resources.files("swagger_ui") / "static" / name).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise MissingDependency(
            "the page needs Swagger UI, which is not installed; /openapi.json is there without it",
            hint="pip install 'seatrial[serve]'",
        ) from error
