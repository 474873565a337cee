"""The scan of delivered files: every way in is seen, and good files raise no alarm (F36-F40)."""

from __future__ import annotations

import collections
import gzip
import io
import os
import pickle
import pydoc
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks._finding import Verdict
from seatrial.checks._security import content
from seatrial.checks._security.delivered import scan_files
from seatrial.checks._security.pickles import looks_like_pickle, scan_stream
from seatrial.checks._security.secrets import redact, scan_text
from seatrial.checks._security.threat_texts import GROUPS
from seatrial.checks.security import judge_threats

GROUP = {each.id: each for each in GROUPS}
SUFFIXES = ("weights.pdparams", "weights.pdopt", "inference.pdiparams.info", "tokenizer", "x.model")


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def state(**more):
    return {
        "conv.w_0": np.arange(12, dtype="float32").reshape(3, 4),
        "StructuredToParameterName@@": {"a": "b"},
        **more,
    }


def verdict(group, *paths):
    return judge_threats(GROUP[group], scan_files(paths)).verdict


def pickled(tmp_path, data, name="weights.pdparams"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_a_good_checkpoint_passes_in_every_protocol(tmp_path, protocol):
    extras = {
        "ordered": collections.OrderedDict(a=1),
        "scalar": np.float32(2),
        "set": {1, 2},
        "text": "posix system",
        "nested": [(1, 2.5, None, True, b"bytes"), slice(1, 2)],
    }
    path = pickled(tmp_path, pickle.dumps(state(**extras), protocol))
    scan = scan_files([path])
    assert scan.pickles == 1
    assert scan.threats == []


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", SUFFIXES)
def test_a_call_is_seen_in_any_file_and_protocol(tmp_path, name, protocol):
    path = pickled(tmp_path, pickle.dumps(state(x=Call(os.system, "true")), protocol), name)
    assert verdict("security.pickles", path) is Verdict.FAIL


@pytest.mark.parametrize(
    "call",
    [
        Call(exec, "pass"),
        Call(eval, "1"),
        Call(__import__, "os"),
        Call(pydoc.locate, "os.system"),
        Call(getattr, "x", "upper"),
        Call(np.load, "x.npy"),
    ],
)
def test_an_indirect_call_is_seen(tmp_path, call):
    path = pickled(tmp_path, pickle.dumps(state(x=call)))
    assert verdict("security.pickles", path) is Verdict.FAIL


def test_the_dense_tensor_of_paddle_save_passes_but_no_other_eval(tmp_path):
    tensor = Call(eval, "data", {"data": np.zeros(3)})
    assert verdict("security.pickles", pickled(tmp_path, pickle.dumps({"w": tensor}))) is Verdict.PASS
    other = Call(eval, "data or print()", {"data": 1})
    assert verdict("security.pickles", pickled(tmp_path, pickle.dumps({"w": other}))) is Verdict.FAIL


def test_eval_kept_in_the_memo_and_called_again_is_seen():
    # eval is memoised by a harmless call, then fetched for a harmful one.
    stream = b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x94\x8c\x04data}\x86R0h\x00\x8c\x07print()\x85R."
    threats, _ = scan_stream(io.BytesIO(stream))
    assert [each.what for each in threats] == ["builtins.eval"]


def test_a_name_taken_from_the_memo_is_resolved():
    stream = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x9400h\x00h\x01\x93\x8c\x04true\x85R."
    threats, _ = scan_stream(io.BytesIO(stream))
    assert [each.what for each in threats] == ["posix.system"]


def test_a_name_made_while_loading_is_refused():
    stream = b"\x80\x04}}\x93."
    threats, _ = scan_stream(io.BytesIO(stream))
    assert [each.code for each in threats] == ["computed-global"]


def test_a_second_pickle_behind_a_good_one_is_seen(tmp_path):
    good, bad = pickle.dumps(state()), pickle.dumps(Call(os.system, "true"), 0)
    assert verdict("security.pickles", pickled(tmp_path, good + bad)) is Verdict.FAIL


def test_bytes_behind_the_end_are_named(tmp_path):
    path = pickled(tmp_path, pickle.dumps(state()) + b"\xff\xfe junk")
    assert verdict("security.pickles", path) is Verdict.PASS
    assert verdict("security.pickle-forms", path) is Verdict.WARN


def test_a_payload_before_the_stream_breaks_is_seen(tmp_path):
    path = pickled(tmp_path, pickle.dumps([Call(os.system, "true")], 2)[:-1] + b"\xff\xff\xff")
    codes = {each.code for each in scan_files([path]).threats}
    assert {"pickle-global", "pickle-corrupt"} <= codes


def test_payloads_inside_archives_and_arrays_are_seen(tmp_path):
    bad = pickle.dumps(Call(os.system, "true"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w") as tar:
            info = tarfile.TarInfo("weights")
            info.size = len(bad)
            tar.addfile(info, io.BytesIO(bad))
        archive.writestr("inner", inner.getvalue())
    (tmp_path / "b").write_bytes(gzip.compress(bad))
    np.save(tmp_path / "c.npy", np.array([Call(os.system, "true")], dtype=object), allow_pickle=True)
    for name in ("a.zip", "b", "c.npy"):
        assert verdict("security.pickles", tmp_path / name) is Verdict.FAIL, name


def test_plain_arrays_and_digests_pass(tmp_path):
    np.save(tmp_path / "plain.npy", np.arange(5))
    (tmp_path / "config.yaml").write_text(
        "sha256: " + "ab12" * 16 + "\nversion: 10.2.89\nunk_token: '[UNK]'\n"
    )
    scan = scan_files([tmp_path / "plain.npy", tmp_path / "config.yaml"])
    assert scan.threats == []


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "C:\\x", "a/../../b", "..\\up"])
def test_a_slip_is_seen(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "x")
    assert verdict("security.archives", tmp_path / "a.zip") is Verdict.FAIL


def test_links_and_bombs_are_seen_and_a_plain_archive_is_not(tmp_path):
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        info = tarfile.TarInfo("model")
        info.type, info.linkname = tarfile.SYMTYPE, "../../etc"
        tar.addfile(info)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(64 << 20))
    with zipfile.ZipFile(tmp_path / "plain.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/readme.txt", "hello " * 100)
    assert verdict("security.archives", tmp_path / "link.tar") is Verdict.FAIL
    assert verdict("security.archives", tmp_path / "bomb.zip") is Verdict.FAIL
    assert verdict("security.archives", tmp_path / "plain.zip") is Verdict.PASS


def test_an_archive_inside_an_archive_without_end_is_a_bomb(tmp_path):
    data = b"core"
    for _ in range(7):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("x.zip", data)
        data = packed.getvalue()
    (tmp_path / "nested.zip").write_bytes(data)
    assert verdict("security.archives", tmp_path / "nested.zip") is Verdict.FAIL


def test_what_lies_behind_the_last_member_looked_at_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "MAX_MEMBERS", 3)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for place in range(3):
            archive.writestr(f"{place}.txt", b"")
    assert scan_files([tmp_path / "many.zip"]).threats == []
    with zipfile.ZipFile(tmp_path / "many.zip", "a") as archive:
        archive.writestr("last.pkl", pickle.dumps(Call(os.system, "id")))
    assert [each.code for each in scan_files([tmp_path / "many.zip"]).threats] == ["archive-bomb"]


def test_a_damaged_stream_and_a_member_longer_than_announced_are_named(tmp_path):
    damaged = bytearray(gzip.compress(b"hello" * 1000))
    damaged[12:20] = b"\xff" * 8
    (tmp_path / "a.gz").write_bytes(damaged)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f", b"\0" * 100_000)
    data = bytearray((tmp_path / "b.zip").read_bytes())
    directory = data.rfind(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    (tmp_path / "b.zip").write_bytes(data)
    threats = scan_files([tmp_path / "a.gz", tmp_path / "b.zip"]).threats
    assert [(each.code, each.where) for each in threats] == [
        ("archive-unreadable", "a.gz"),
        ("archive-unreadable", "b.zip"),
    ]


@pytest.mark.parametrize("name", ["weights.pdparams", "tokenizer.bin", "labels.txt"])
@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'id'\ntR.",
        b"N0I1\n0cos\nsystem\n(S'id'\ntR.",
        b"cos\nsystem\n(S'" + b"x" * 90_000 + b"'\ntR.",
        b"(S'id'\nios\nsystem\n.",
        b"cos\nsystem\n.",
    ],
)
def test_a_pickle_without_header_is_seen_under_any_name(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert "pickle-global" in [each.code for each in scan_files([tmp_path / name]).threats]


@pytest.mark.parametrize("words", [b"cat\ndog\nbird\n", b"ice\nsnow\n", b"cat\ndog\nNile\nKoala\n" * 99])
def test_a_list_of_words_is_no_pickle(tmp_path, words):
    (tmp_path / "labels.txt").write_bytes(words)
    assert scan_files([tmp_path / "labels.txt"]).threats == []


@pytest.mark.parametrize("descr", ["'|O'", "'O'", "'|O8'", '"|O"', " " * 2000 + "'|O'", "[('a', '|O')]"])
def test_an_array_of_objects_is_seen_however_its_header_is_written(tmp_path, descr):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n".encode()
    body = pickle.dumps([Call(os.system, "id")])
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body)
    codes = [each.code for each in scan_files([path]).threats]
    assert codes == ["pickle-object-array", "pickle-global"]


def test_a_broken_archive_is_named(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04" + b"\x00" * 40)
    assert verdict("security.archives", tmp_path / "x.zip") is Verdict.FAIL


@pytest.mark.parametrize(
    ("name", "expected"), [("../../etc/passwd", Verdict.FAIL), ("weights.bin", Verdict.PASS)]
)
def test_external_data_of_onnx(tmp_path, name, expected):
    entry = b"\x0a\x08location\x12" + bytes([len(name)]) + name.encode()
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08" + b"\x00" * 100 + b"j" + bytes([len(entry)]) + entry)
    assert verdict("security.external-data", tmp_path / "m.onnx") is expected


KEY = "AKIA" + "Q3EGTLHN5K2ZVX7P"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"
TOKEN = "ghp_" + "0123456789abcdefABCDEF0123456789abcd"


@pytest.mark.parametrize("secret", [KEY, PEM, TOKEN, "https://bob:Tr0ub4dor@db.example.org/x"])
@pytest.mark.parametrize("around", ["config.yaml", "notes.ipynb", "model.onnx", "tail.pdmodel"])
def test_a_secret_is_found_anywhere_and_never_printed(tmp_path, secret, around):
    path = tmp_path / around
    before = (
        np.random.default_rng(0).bytes(50_000)
        if "." in around and around.startswith(("m", "t"))
        else b"a: b\n"
    )
    path.write_bytes(before + b"\x00\x01" + secret.encode() + b"\n")
    finding = judge_threats(GROUP["security.secrets"], scan_files([path]))
    assert finding.verdict is Verdict.FAIL
    assert secret not in repr(finding)


@pytest.mark.parametrize(
    "line",
    [
        "/home/bob/train/run.py",
        "C:\\Users\\bob\\x",
        "/Users/bob/x",
        "http://10.1.2.3:80/",
        "host: db7.corp",
        "http://models.team.internal/x",
        "ip-10-0-0-12.ec2.internal",
        "/root/train/x",
    ],
)
def test_where_it_was_made_is_a_warning(tmp_path, line):
    (tmp_path / "f").write_text(f"source: {line}\n")
    assert verdict("security.paths", tmp_path / "f") is Verdict.WARN


@pytest.mark.parametrize(
    "line",
    [
        "/homes/list",
        "a/home/x",
        "cuda 10.2.89",
        "from google.protobuf.internal import x",
        "password: <password>",
        "secret: ${TOKEN}",
    ],
)
def test_harmless_lines_pass(tmp_path, line):
    (tmp_path / "f.yaml").write_text(f"{line}\n")
    assert scan_files([tmp_path / "f.yaml"]).threats == []


def test_a_secret_across_two_pieces_is_found(monkeypatch):
    monkeypatch.setattr("seatrial.checks._security.secrets.CHUNK", 64)
    leaks = scan_text(io.BytesIO(b"\x00" * 55 + KEY.encode() + b"\x00" * 200))
    assert [each.kind for each in leaks] == ["AWS Access Key"]


def test_redaction_hides():
    assert redact("abcdefghijklmnop") == "abcd… (16 characters)"
    assert "short" not in redact("short")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_walker(data):
    threats, walked = scan_stream(io.BytesIO(data))
    looks_like_pickle(data)
    assert walked >= 0
    assert all(each.what for each in threats)


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary() | st.floats(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    ),
    st.integers(0, 5),
)
def test_plain_values_never_alarm(value, protocol):
    threats, walked = scan_stream(io.BytesIO(pickle.dumps(value, protocol)))
    assert threats == []
    assert walked == 1
