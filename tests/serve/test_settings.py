"""`serve.yaml`: what it says, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import UsageError
from seatrial.serve.settings import Log, Options, Settings, overruled, read_settings


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


def test_the_example_of_the_docs_is_read(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "serve-versions.md"
    file = tmp_path / "serve.yaml"
    file.write_text(page.read_text("utf-8").partition("```yaml\n")[2].partition("```")[0])
    settings = read_settings(file)
    assert settings.models["digits"].path == tmp_path / "digits"
    assert settings.models["digits"].aliases == {"stable": "1"}
    assert settings.models["digits"].options.threads == 2


def test_versions_are_called_by_their_letters(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text("models: {a: {path: b, versions: {specific: [1, 2024-05-01, v3]}, aliases: {new: 10}}}")
    model = read_settings(file).models["a"]
    assert model.versions.specific == ("1", "2024-05-01", "v3")
    assert model.aliases == {"new": "10"}


FILE = """
port: 1
host: localhost
limits: {body_mebibytes: 1, connections: 7}
models:
  a: {path: x, golden: off, options: {threads: 2}}
  b: {path: y}
"""


def test_the_command_line_overrules_the_file(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text(FILE)
    settings = overruled(
        read_settings(file),
        server={"port": 2},
        limits={"body_mebibytes": 3},
        models={"a": Path("z"), "c": tmp_path / "w"},
        options={"devices": 4},
    )
    assert (settings.host, settings.port) == ("localhost", 2)
    assert (settings.limits.body_mebibytes, settings.limits.connections) == (3, 7)
    assert [(name, each.path) for name, each in settings.models.items()] == [
        ("a", Path.cwd() / "z"),
        ("b", tmp_path / "y"),
        ("c", tmp_path / "w"),
    ]
    assert settings.models["a"].golden == "off"
    assert settings.models["a"].options == Options(threads=2, devices=4)
    with pytest.raises(UsageError, match=r"the command line: limits\.body_mebibytes"):
        overruled(settings, server={}, limits={"body_mebibytes": 0}, models={}, options={})


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
        ("models: {a: {path: b, aliases: {stable: 1.10}}}", "quotes"),
        ("models: {a: {path: b, versions: {all: true, latest: 1}}}", "models.a.versions"),
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
