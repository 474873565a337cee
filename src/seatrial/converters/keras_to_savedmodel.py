"""Keras models to SavedModels, which need no Python code (M20)."""

from __future__ import annotations

from seatrial.converters._converter import Converter
from seatrial.converters._from_tensorflow import available, make_savedmodel

CONVERTER = Converter(
    name="keras_to_savedmodel",
    summary="Keras's own export, inputs by their names",
    sources=("keras",),
    target="savedmodel",
    extra="tensorflow",
    available=available,
    make=make_savedmodel,
    options={"timeout": 600},
    tool="tensorflow",
)
