"""Paddle dygraph to the static graph of Paddle 3 (M20)."""

from __future__ import annotations

from seatrial.converters._paddle_layers import converter

CONVERTER = converter("paddle_layer_to_paddle_json", "paddle-json")
