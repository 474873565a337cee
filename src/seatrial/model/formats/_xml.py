"""Parses XML that strangers wrote: no document type, so no entities; bounded size and depth."""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.parsers import expat

from seatrial.model.formats._format import Garbled

MAX_DEPTH = 200
MAX_ELEMENTS = 2_000_000


def parse_xml(data: bytes) -> ET.Element:
    """The root element.

    Raises:
        Garbled: Not XML, cut off, nested too deeply, or with a document type (the door of entity attacks).
    """
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    depth = total = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, total
        depth, total = depth + 1, total + 1
        if depth > MAX_DEPTH or total > MAX_ELEMENTS:
            raise Garbled("the XML is nested deeper or is larger than any graph")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: object) -> None:
        raise Garbled("the XML has a document type, which a graph has no use for")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError as error:
        cut = (
            expat.errors.messages.get(error.code)
            in (
                expat.errors.XML_ERROR_NO_ELEMENTS,
                expat.errors.XML_ERROR_UNCLOSED_TOKEN,
            )
            or error.lineno >= data.count(b"\n") + 1
        )
        code = "graph-truncated" if cut else "graph-garbage"
        raise Garbled(f"the graph is no longer XML: {error}", code=code) from error
    except (ValueError, LookupError) as error:  # an encoding that does not exist
        raise Garbled(f"the graph is no XML text: {error}") from error
    return builder.close()
