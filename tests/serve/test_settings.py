"""`serve.yaml`: what it says, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import UsageError
from seatrial.serve.settings import Log, Settings, overruled, read_settings


def test_paths_are_taken_from_the_files_folder(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text("models: {digits: {path: releases/digits, versions: {latest: 2}}}\n")
    settings = read_settings(file)
    assert settings.models["digits"].path == tmp_path / "releases" / "digits"
    assert settings.models["digits"].versions.latest == 2


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text("")
    assert read_settings(file) == Settings()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("prot: 8000", "prot"),
        ("port: many", "port"),
        ("models: {'../x': {path: a}}", "models"),
        ("models: {a: {path: b, degrade: [{when: [tired]}]}}", "models.a.degrade.0.when.0"),
        ("log: {traces: 'collector:4318'}", "log.traces"),
        ("log: {trace_share: 2}", "log.trace_share"),
        ("a: [", "serve.yaml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, names: str) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=names):
        read_settings(file)


def test_the_request_log_lies_beside_the_file_unless_it_is_a_stream(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    for said, meant in (("logs/requests", str(tmp_path / "logs" / "requests")), ("'-'", "-"), ("/a", "/a")):
        file.write_text(f"log: {{requests: {said}}}\n")
        assert read_settings(file).log.requests == meant


def test_the_command_line_adds_to_the_log_of_the_file() -> None:
    settings = Settings(log=Log(requests="-", trace_share=0.5))
    both = overruled(settings, server={}, limits={}, models={}, options={}, log={"traces": "http://a"})
    assert both.log == Log(requests="-", traces="http://a", trace_share=0.5)
