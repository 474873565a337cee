"""Changes a PIR program (`.json`, Paddle 3); what is not named keeps its place and its value."""

from __future__ import annotations

import json
from typing import Any

from seatrial.model.formats import _probe as probe
from seatrial.model.formats._edit import Changes, OperatorEdit, cannot, items

_KINDS = {bool: "0.a_bool", int: "0.a_i32", float: "0.a_f32", str: "0.a_str"}
_DIALECTS = {"builtin": "0", "pd_op": "1", "cf": "2", "custom_op": "3", "pd_dist": "4"}


def edit(data: bytes, changes: Changes) -> bytes:
    """The bytes of a `.json` graph with `changes`.

    Raises:
        Garbled: They are no PIR program.
        UsageError: An attribute cannot be given that value.
    """
    root = probe.load_json(data)
    _Editor(changes).program(root)
    if changes.version is not None:
        root.setdefault("base_code", {})["version"] = changes.version
    return json.dumps(root, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


class _Editor:
    """Walks the operators in the order of the reader (`_pir`) and counts as it does."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.count = 0

    def program(self, root: Any) -> None:
        program = probe.member(root, "program", "the file")
        region = probe.item(probe.member(program, "regions", "program"), 0, "program.regions")
        block = probe.item(probe.member(region, "blocks", "region 0"), 0, "region 0.blocks")
        self.block(probe.member(block, "ops", "block 0"))

    def block(self, ops: Any) -> None:
        for op in probe.sequence(ops, "ops"):
            kind = probe.member(op, "#", "an operator")
            if kind in ("1.data", "1.feed"):
                self.input(op)
            elif kind not in ("p", "1.fetch"):
                self.operator(op)

    def input(self, op: dict[str, Any]) -> None:
        attributes = _by_name(op)
        name = probe.member(probe.member(attributes, "name", "an input"), "AT", "the name of an input")
        old = probe.text(probe.member(name, "D", "the name of an input"), "the name of an input")
        if old in self.changes.shapes:
            dims = [-1 if not isinstance(each, int) else each for each in self.changes.shapes[old]]
            output = probe.item(probe.member(op, "O", old), 0, f"O of {old}")
            described = probe.member(probe.member(output, "TT", old), "D", f"the type of {old}")
            probe.item(described, 1, f"the type of {old}")
            described[1] = dims
            if "shape" in attributes:
                attributes["shape"]["AT"]["D"] = list(dims)
        if old in self.changes.names:
            name["D"] = self.changes.names[old]

    def operator(self, op: dict[str, Any]) -> None:
        wanted = self.changes.operators.get(self.count)
        self.count += 1
        if wanted is not None:
            _change(op, wanted)
        for region in probe.sequence(op.get("regions", []), "regions"):
            for block in probe.sequence(probe.member(region, "blocks", "a region"), "blocks"):
                self.block(probe.member(block, "ops", "a block"))


def _change(op: dict[str, Any], wanted: OperatorEdit) -> None:
    if wanted.type:
        family, _, short = wanted.type.rpartition(".")
        op["#"] = f"{_DIALECTS.get(family or 'pd_op', family)}.{short}"
    for name, value in wanted.attributes.items():
        old = _by_name(op).get(name)
        if value is None:
            op["A"] = [each for each in op["A"] if each is not old]
        elif old is None:
            op.setdefault("A", []).append({"AT": _new(wanted, name, value), "N": name})
        else:
            old["AT"] = _like(wanted, name, old["AT"], value)


def _by_name(op: dict[str, Any]) -> dict[str, Any]:
    listed = op.get("A")
    return {
        probe.printable(each["N"]): each
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and isinstance(each.get("N"), str) and isinstance(each.get("AT"), dict)
    }


def _like(wanted: OperatorEdit, name: str, old: Any, value: Any) -> Any:
    """`value` in the kind that the attribute has: `{"#": kind, "D": data}`, data being one or many."""
    data = old.get("D") if isinstance(old, dict) else None
    if isinstance(data, list):
        several = items(value)
        samples = [each for each in data if isinstance(each, dict) and "D" in each]
        if samples:
            listed = [{**samples[0], "D": _cast(wanted, name, samples[0]["D"], each)} for each in several]
        elif data:
            listed = [_cast(wanted, name, data[0], each) for each in several]
        elif old.get("#") == "0.a_array":
            listed = [_new(wanted, name, each) for each in several]
        else:
            listed = list(several)
        return {**old, "D": listed}
    if not isinstance(old, dict) or not isinstance(data, (bool, int, float, str)):
        raise cannot(wanted, name, value, "it is neither a number nor text, nor a list of them")
    return {**old, "D": _cast(wanted, name, data, value)}


def _cast(wanted: OperatorEdit, name: str, old: Any, value: Any) -> Any:
    if isinstance(old, str) != isinstance(value, str) or isinstance(value, (tuple, list)):
        raise cannot(wanted, name, value, f"it is now {str(old)[:80]!r}")
    if isinstance(old, bool):
        return bool(value)
    if isinstance(old, int) and float(value) != int(value):
        raise cannot(wanted, name, value, "it is an integer")
    return type(old)(value)


def _new(wanted: OperatorEdit, name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, (tuple, list)):
        return {"#": "0.a_array", "D": [_new(wanted, name, each) for each in value]}
    if type(value) not in _KINDS:
        raise cannot(wanted, name, value, "it must be a boolean, a number, text or a list of them")
    return {"#": _KINDS[type(value)], "D": value}
