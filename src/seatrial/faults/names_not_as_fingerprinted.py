"""A list was edited after its fingerprint had been written: only the fingerprint can know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from seatrial.contract import Contract
from seatrial.contract.labels import fingerprint
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, edited, leading_specials, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    if len(contract.labels) > 1:
        yield _edited(contract, "labels", contract.labels, 0)
    elif len(contract.vocabulary) > 1:
        yield _edited(contract, "vocabulary", contract.vocabulary, leading_specials(contract))
    else:
        raise NotApplicable("the contract has no list of names")


def _edited(
    contract: Contract, what: Literal["labels", "vocabulary"], names: tuple[str, ...], place: int
) -> Contract:
    """One line moved to the end; the fingerprint still vouches for the list as it was."""
    broken = with_names(contract, what, (*names[:place], *names[place + 1 :], names[place]))
    return replace(broken, fingerprints={**contract.fingerprints, what: fingerprint(names)})


FAULT = Fault(
    name="names-not-as-fingerprinted",
    title=Text("a list of names is not the one its fingerprint vouches for", "名称列表与其指纹不符"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances),
    number="F21",
    cause="label-map",
    needs=BASELINE,
)
