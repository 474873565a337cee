"""report.json is the truth: nothing is lost on the way, and what is no report is refused with the place."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from seatrial.checks import (
    Verdict,
    from_json,
    read_report,
    report_schema,
    to_json,
    write_report,
)
from seatrial.errors import NotFound, Unavailable, UsageError
from support.report_strategies import reports
from support.sample_report import passing_report, sample_report

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "report.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(report_schema())
WIDE = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@WIDE
@given(report=reports)
def test_reading_what_was_written_gives_the_same_report(report):
    text = to_json(report)
    assert from_json(text) == report
    assert to_json(from_json(text)) == text
    text.encode("utf-8")
    VALIDATOR.validate(json.loads(text, parse_constant=_no_constant))


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize("report", [sample_report(), passing_report()], ids=["fail", "pass"])
def test_the_sample_follows_the_published_schema(report):
    schema = json.loads(PUBLISHED.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(to_json(report)))
    assert from_json(to_json(report)) == report


def test_the_published_schema_is_in_step_with_the_types(update_golden):
    text = json.dumps(report_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if update_golden:
        PUBLISHED.write_text(text, "utf-8")
    assert PUBLISHED.read_text("utf-8") == text, "run pytest --update-golden and look at the difference"


def test_a_verdict_that_does_not_exist_breaks_the_schema():
    data = json.loads(to_json(sample_report()))
    data["results"][0]["verdict"] = "MAYBE"
    assert not VALIDATOR.is_valid(data)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_cannot_write_survive(value):
    report = sample_report()
    first = report.results[0].findings[0]
    changed = dataclasses.replace(first, measured=value, data={"$float": "NaN", "deep": [value]})
    result = dataclasses.replace(report.results[0], findings=(changed,))
    text = to_json(dataclasses.replace(report, results=(result,)))
    assert "NaN," not in text.replace('"NaN"', "")
    read = from_json(text).results[0].findings[0]
    for got in (read.measured, read.data["deep"][0]):
        assert repr(got) == repr(value)
    assert read.data["$float"] == "NaN"


def test_a_slip_in_the_data_does_not_cost_the_report():
    report = sample_report()
    data = {
        "array": np.arange(3),
        "scalar": np.float32(0.5),
        "path": Path("a/b"),
        "set": {2, 1},
        "odd": object(),
        7: "seven",
    }
    changed = dataclasses.replace(report.results[0].findings[0], data=data, measured=np.float64(0.25))
    result = dataclasses.replace(report.results[0], findings=(changed,))
    read = from_json(to_json(dataclasses.replace(report, results=(result,)))).results[0].findings[0]
    assert read.measured == 0.25
    assert read.data["array"] == [0, 1, 2]
    assert read.data["scalar"] == 0.5
    assert read.data["path"] == "a/b"
    assert read.data["set"] == [1, 2]
    assert read.data["7"] == "seven"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda data: data.pop("verdict"), "the field 'verdict'"),
        (lambda data: data.update(verdict="MAYBE"), "at verdict"),
        (lambda data: data.update(seconds="long"), "at seconds"),
        (lambda data: data.update(seed=1.5), "at seed"),
        (lambda data: data.update(results={}), "at results"),
        (lambda data: data["results"][3].update(required="yes"), r"at results\[3\].required"),
        (lambda data: data["results"][0]["findings"][0].update(measured=[1]), "measured"),
        (lambda data: data["results"][4]["findings"][0]["evidence"][0].update(mark="pie"), "mark"),
        (lambda data: data["results"][4]["findings"][0]["evidence"][0].update(kind="film"), "evidence"),
        (lambda data: data.update(seconds={"$float": "big"}), "Infinity"),
        (lambda data: data.update(schema="seatrial/report/9"), "seatrial/report/9"),
        (lambda data: data.pop("schema"), "schema"),
    ],
)
def test_what_is_no_report_is_refused_and_the_place_named(change, place):
    data = json.loads(to_json(sample_report()))
    change(data)
    with pytest.raises(UsageError, match=place):
        from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000, '{"schema": []}', "\x00"])
def test_garbage_is_refused(text):
    with pytest.raises(UsageError):
        from_json(text)


def test_a_field_of_a_later_version_is_ignored():
    data = json.loads(to_json(sample_report()))
    data["later"] = {"x": 1}
    assert from_json(json.dumps(data)) == sample_report()


class TestFiles:
    def test_all_forms_are_written_and_the_truth_read_back(self, tmp_path):
        written = write_report(sample_report(), tmp_path / "out", language="zh")
        assert sorted(each.name for each in (tmp_path / "out").iterdir()) == sorted(written)
        assert read_report(written["report.json"]) == sample_report()

    def test_a_full_disk_leaves_what_was_there(self, tmp_path, monkeypatch):
        written = write_report(passing_report(), tmp_path)
        before = {name: path.read_bytes() for name, path in written.items()}

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(Unavailable, match="cannot be written"):
            write_report(sample_report(), tmp_path)
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before

    def test_a_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "out").touch()
        with pytest.raises(UsageError, match="cannot be written"):
            write_report(sample_report(), tmp_path / "out")

    def test_no_file_no_text_and_a_folder(self, tmp_path):
        with pytest.raises(NotFound):
            read_report(tmp_path / "none.json")
        (tmp_path / "bad.json").write_bytes(b"\xff\xfe{")
        for path in (tmp_path / "bad.json", tmp_path):
            with pytest.raises(UsageError):
                read_report(path)


def test_the_report_says_no_in_the_sample():
    assert sample_report().verdict is Verdict.FAIL
    assert {each.verdict for each in sample_report().results} >= set(Verdict) - {Verdict.NOT_EXERCISED}
