"""What kind of thing a sample is, and how to change it before a service sees it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from seatrial.contract.sample import Payload
from seatrial.diagnosis.setup import Setup

_ORIENTATION = 0x0112  # Exif tag


@dataclass(frozen=True)
class Traits:
    """What is telling about one sample.

    Attributes:
        kinds: Of `picture` (a file or its bytes), `pixels` (an image as an array), `array`, `text`; and of
            `turned` (Exif says so), `alpha`, `gray`, `upper`, `unicode` (NFKC changes it), `wide` ...
        size: Pixels, numbers or characters.
    """

    kinds: frozenset[str]
    size: int


def traits(payload: Payload) -> Traits:
    """The traits of a payload; of a picture, only the head is read."""
    if isinstance(payload, np.ndarray):
        kinds = {"pixels" if payload.dtype == np.uint8 and payload.ndim in (2, 3) else "array"}
        return Traits(frozenset(kinds), int(payload.size))
    if isinstance(payload, str):
        return _of_text(payload)
    if isinstance(payload, Path | bytes):
        return _of_picture(payload)
    return Traits(frozenset({"mapping"}), sum(int(np.size(each)) for each in payload.values()))


def _of_text(text: str) -> Traits:
    kinds = {"text"}
    kinds |= {"upper"} if text != text.lower() else set()
    kinds |= {"unicode"} if any(normalize(form, text) != text for form in ("NFC", "NFKC", "NFD")) else set()
    kinds |= {"spaces"} if any(each.isspace() for each in text) else set()
    return Traits(frozenset(kinds), len(text))


def _of_picture(payload: Path | bytes) -> Traits:
    kinds = {"picture"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _opened(payload) as picture:
                width, height = picture.size
                if picture.getexif().get(_ORIENTATION, 1) not in (0, 1):
                    kinds.add("turned")
                if "A" in picture.getbands() or "transparency" in picture.info:
                    kinds.add("alpha")
                kinds.add("gray" if picture.mode in ("1", "L", "LA", "I", "I;16") else "color")
                kinds.add("wide" if width > height else "tall" if height > width else "square")
                return Traits(frozenset(kinds), width * height)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError):
        return Traits(frozenset({"file"}), 0)


def _opened(payload: Path | bytes) -> Image.Image:
    return Image.open(io.BytesIO(payload) if isinstance(payload, bytes) else payload)


def is_kind(kind: str, payload: Payload) -> bool:
    """Whether a payload has a trait."""
    return kind in traits(payload).kinds


def redrawn(change: Callable[[Image.Image], Image.Image]) -> Callable[[Payload], Payload]:
    """An edit of pictures: decoded, changed, stored again as PNG; anything else stays as it is.

    Args:
        change: Of the decoded picture.
    """

    def edit(payload: Payload) -> Payload:
        if not isinstance(payload, Path | bytes) or not is_kind("picture", payload):
            return payload
        with _opened(payload) as picture:
            picture.load()
            changed = change(picture)
        stream = io.BytesIO()
        changed.save(stream, "PNG")
        return stream.getvalue()

    return edit


def rewritten(change: Callable[[str], str]) -> Callable[[Payload], Payload]:
    """An edit of texts; anything else stays as it is."""

    def edit(payload: Payload) -> Payload:
        return change(payload) if isinstance(payload, str) else payload

    return edit


def sent_as(setup: Setup, edit: Callable[[Payload], Payload]) -> Setup:
    """The setup with each sample edited before it goes to the service, after the edits it has already."""
    first = setup.payload
    return replace(setup, payload=edit if first is None else lambda payload: edit(first(payload)))


def swapped(picture: Image.Image) -> Image.Image:
    """Red and blue exchanged."""
    bands = picture.convert("RGB").split()
    return Image.merge("RGB", bands[::-1])


def upright(picture: Image.Image) -> Image.Image:
    """Turned as its Exif says, which is then gone."""
    return ImageOps.exif_transpose(picture)


def unturned(picture: Image.Image) -> Image.Image:
    """The pixels as they are stored, without the Exif that would turn them."""
    bare = picture.copy()
    bare.getexif().clear()
    bare.info.pop("exif", None)
    return bare


def on(background: str) -> Callable[[Image.Image], Image.Image]:
    """Laid on a background of one color."""

    def change(picture: Image.Image) -> Image.Image:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, background), layer).convert("RGB")

    return change


def gray(picture: Image.Image) -> Image.Image:
    """Without color, in three equal channels."""
    return picture.convert("L").convert("RGB")
