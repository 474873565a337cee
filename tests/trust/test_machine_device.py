"""A device's file opens on its own machine, and on no other."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import NotFound, TrustError, UsageError
from seatrial.trust.device import read_device
from seatrial.trust.keys import new_key
from seatrial.trust.machine import mark, read_parts
from seatrial.trust.refusals import WrongMachine
from seatrial.trust.shares import join, split
from support.licensing import Office

HERE = {"machine-id": "a1", "disk-serial": "b2", "mac": "00:11:22:33:44:55"}


@given(st.binary(min_size=1, max_size=40), st.integers(1, 6), st.integers(0, 5), st.randoms())
def test_any_k_shares_give_the_secret_back(secret: bytes, k: int, more: int, chance: object) -> None:
    shares = split(secret, k=k, n=k + more)
    numbers = list(shares)
    chance.shuffle(numbers)  # type: ignore[attr-defined]
    assert join({number: shares[number] for number in numbers[:k]}) == secret


def test_fewer_shares_tell_nothing() -> None:
    """With one share short, every secret is equally possible: each is met by exactly one polynomial."""
    seen = set()
    for coefficient in range(256):
        made = bytes([coefficient])
        seen.add(split(b"\x2a", k=2, n=2, random=lambda _, made=made: made)[1])
    assert len(seen) == 256


@pytest.mark.parametrize(("k", "n"), [(0, 3), (4, 3), (1, 256)])
def test_shares_that_cannot_be(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        split(b"x", k=k, n=n)


def test_parts_of_a_machine_that_has_them_all(tmp_path: Path) -> None:
    for name, text in {
        "etc/machine-id": "0f" * 16 + "\n",
        "sys/class/dmi/id/product_uuid": "4c4c4544-0042\n",
        "sys/block/nvme0n1/device/serial": "S5GXNX0R\n",
        "sys/class/net/docker0/address": "00:42:aa:bb:cc:dd\n",
        "sys/class/net/eth0/address": "00:1b:21:aa:bb:cc\n",
        "sys/class/net/eth0/device/vendor": "0x8086\n",
        "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: H\nGPU UUID: \t GPU-1234\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert read_parts(tmp_path) == {
        "machine-id": "0f" * 16,
        "dmi-uuid": "4c4c4544-0042",
        "disk-serial": "S5GXNX0R",
        "mac": "00:1b:21:aa:bb:cc",
        "gpu-uuid": "GPU-1234",
    }


def test_parts_that_say_nothing_are_no_parts(tmp_path: Path) -> None:
    (tmp_path / "sys/class/dmi/id").mkdir(parents=True)
    (tmp_path / "sys/class/dmi/id/product_uuid").write_text("00000000-0000-0000-0000-000000000000\n")
    card = tmp_path / "sys/class/net/eth0"
    (card / "device").mkdir(parents=True)
    (card / "address").write_text("02:fc:00:00:00:01\n")  # made up, and the same on every such machine
    (tmp_path / "sys/block/vda").mkdir(parents=True)
    (tmp_path / "sys/block/vda/serial").write_text("rootdisk")
    assert read_parts(tmp_path) == {}


def test_a_mark_shows_neither_the_part_nor_its_key() -> None:
    made = mark("mac", HERE["mac"], b"s" * 16)
    assert HERE["mac"] not in made.tag
    assert made.key.hex() not in made.tag
    assert made.key.hex() not in repr(made)
    assert mark("mac", HERE["mac"], b"t" * 16).tag != made.tag
    assert mark("disk-serial", HERE["mac"], b"s" * 16).tag != made.tag


def test_a_device_opens_where_enough_of_the_machine_is_left(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.enroll(HERE)
    enrolled = office.device(HERE)
    assert enrolled.told.strength == "fingerprint"
    assert enrolled.told.machine is not None
    assert enrolled.told.machine.k == 2
    changed = office.device(HERE | {"mac": "00:00:00:00:00:09"})
    assert changed.told.id == enrolled.told.id
    assert changed.parts == {"machine-id": True, "disk-serial": True, "mac": False}


def test_copied_to_another_machine(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.enroll(HERE)
    for same in [(), *itertools.combinations(HERE, 1)]:
        there = {name: HERE[name] if name in same else "other" for name in HERE}
        with pytest.raises(WrongMachine, match=f"{len(same)} of 3 parts are those of the enrolled machine"):
            office.device(there)


def test_no_part_stands_in_the_files(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.enroll(HERE)
    for path in tmp_path.iterdir():
        assert not any(value.encode() in path.read_bytes() for value in HERE.values() if len(value) > 2)
    assert {oct(each.stat().st_mode & 0o777) for each in (office.device_file, tmp_path / "device.state")} == {
        "0o600"
    }


@pytest.mark.parametrize("field", ["issuers", "created", "anchor", "strength", "signing", "key"])
def test_a_device_file_that_was_edited(tmp_path: Path, field: str) -> None:
    office = Office(tmp_path, anchor=tmp_path / "far.anchor")
    office.enroll(issuers=[office.issuer.public])
    document = json.loads(office.device_file.read_bytes())
    mine = new_key().public.pem.decode()
    document[field] = {"issuers": [mine], "key": document["key"][:-8] + "AAAAAAA="}.get(field, "2020")
    office.device_file.write_text(json.dumps(document))
    with pytest.raises(TrustError, match="changed"):
        office.device()


def test_the_public_half_says_the_same_as_the_device(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.enroll(HERE)
    public, own = (read_device(tmp_path / name) for name in ("device.pub.json", "device.json"))
    assert public.machine == own.machine
    assert (public.id, public.signing, public.strength) == (own.id, own.signing, own.strength)
    assert b'"key"' not in (tmp_path / "device.pub.json").read_bytes()


def test_a_device_bound_to_nothing_says_so(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert office.device().told.strength == "none"
    shutil.copytree(tmp_path, tmp_path / "copy")
    assert office.device(path=tmp_path / "copy" / "device.json").told.id == office.device().told.id


def test_what_cannot_be_enrolled(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with pytest.raises(UsageError, match="4 of 3"):
        office.enroll(HERE, k=4)
    office.enroll()
    with pytest.raises(UsageError, match="there already"):
        office.enroll()
    with pytest.raises(NotFound):
        read_device(tmp_path / "nowhere.json")
    (tmp_path / "odd.json").write_text('{"format":"seatrial/device-public/1","id":"x","public":"AAAA"}')
    with pytest.raises(TrustError, match="is no device"):
        read_device(tmp_path / "odd.json")
