"""Files made to hang or exhaust whoever reads them are refused in a moment."""

import zipfile

import pytest

from seatrial.model import open_model
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._format import Garbled

TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K\x04\x85K\x01\x85tR"
)


def torchscript(tmp_path, data, kind=zipfile.ZIP_STORED):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/code/m.py", "def forward(self,\n  x: Tensor) -> Tensor:\n  return x\n")
        archive.writestr(zipfile.ZipInfo("m/data.pkl"), data, kind)
    return path


def doubled(times):
    """A tuple that holds itself twice, over and over: a few bytes a turn, 2**turns characters as text."""
    return b"X\x04\x00\x00\x00name" + b"".join(b"q%ch%c\x86" % (turn, turn) for turn in range(times))


def test_a_name_that_unfolds_without_end_is_no_name(tmp_path):
    artifact = open_model(torchscript(tmp_path, b"\x80\x02}" + doubled(60) + TENSOR + b"s."))
    assert artifact.parameters == ()


def test_a_storage_key_that_unfolds_without_end_is_no_tensor(tmp_path):
    sick = TENSOR.replace(b"X\x01\x00\x00\x000", doubled(60))
    assert open_model(torchscript(tmp_path, b"\x80\x02}X\x01\x00\x00\x00w" + sick + b"s.")).parameters == ()


def test_a_damaged_compressed_entry_is_a_problem(tmp_path):
    path = torchscript(tmp_path, b"\x80\x02}." + b"A" * 5000, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    place = data.find(b"m/data.pkl") + len(b"m/data.pkl")
    data[place + 1 : place + 9] = b"\xff" * 8
    path.write_bytes(data)
    assert [each.code for each in open_model(path).problems] == ["graph-garbage"]


@pytest.mark.parametrize("read", [protobuf.numbers, lambda data: protobuf.floats(data, 4, "x")])
def test_more_packed_numbers_than_any_attribute_has_are_refused(monkeypatch, read):
    monkeypatch.setattr(protobuf, "MAX_PACKED", 8)
    assert len(read(memoryview(b"\x01" * 8))) in (2, 8)
    with pytest.raises(Garbled, match="packed"):
        read(memoryview(b"\x01" * 12))
