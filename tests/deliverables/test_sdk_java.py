"""What the Java SDK is made of, and that it runs: compiled as its README says, on real models (M31)."""

from __future__ import annotations

import dataclasses
import http.server
import io
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.contract import Contract, Pipeline, StepCall
from seatrial.deliverables._sdk_java.emit import feed_levels, pipeline_java
from seatrial.deliverables.sdk_java import DELIVERABLE, HOW_TRIED
from seatrial.model import open_model
from support.handovers import network_handover
from support.java_bundles import (
    bundle_of,
    java,
    javac,
    of_digits,
    of_lines,
    of_pages,
    of_reviews,
    stand_in,
)
from support.java_steps import SOURCES
from support.serve_process import serving

EXAMPLES = Path(__file__).parents[2] / "examples"
NO_JAVA = pytest.mark.skipif(not shutil.which("javac"), reason="javac is not installed")


def files(handover: Any) -> dict[str, str]:
    return {item.path: bytes(item.content).decode() for item in DELIVERABLE.make(handover)}


def test_equal_handovers_give_equal_files_and_no_path_of_this_machine(tmp_path: Path) -> None:
    one, other = files(network_handover(tmp_path / "a")), files(network_handover(tmp_path / "b"))
    assert one == other
    assert not [path for path, text in one.items() if str(tmp_path) in text or "/home/" in text]


def test_only_the_steps_in_use_are_handed_over(tmp_path: Path) -> None:
    found = files(network_handover(tmp_path))
    used = network_handover(tmp_path / "b").contract
    calls = {call.name for call in (*used.preprocess.calls, *used.postprocess.calls)}
    steps = [path for path in found if path.endswith("Step.java")]
    assert len(steps) == len(calls)
    assert "sdk/java/src/seatrial/steps/DbBoxesStep.java" not in found


def test_the_readme_says_how_the_in_process_form_was_tried(tmp_path: Path) -> None:
    readme = files(network_handover(tmp_path))["sdk/java/README.md"]
    assert "the published jar was not at hand" in HOW_TRIED
    assert HOW_TRIED in readme
    assert "@" not in readme.replace("@sources", "")


def test_without_an_onnx_model_there_is_no_in_process_form(tmp_path: Path) -> None:
    made = network_handover(tmp_path)
    found = files(dataclasses.replace(made, models=made.models[:1]))
    assert not [path for path in found if "inprocess" in path]
    assert "onnxruntime" not in found["sdk/java/pom.xml"]
    assert "no in-process form" in found["sdk/java/README.md"]


def test_texts_of_the_contract_cannot_leave_their_place_in_the_source(tmp_path: Path) -> None:
    made = network_handover(tmp_path)
    evil = dataclasses.replace(made.contract, name='*/ } \\u000a System.exit(1); /* "x', files={})
    text = pipeline_java(dataclasses.replace(made, contract=evil))
    assert "System.exit(1);" not in text
    assert "*/ }" not in text


def test_levels_are_told_where_resizing_depends_on_the_processor() -> None:
    def of(*calls: StepCall) -> float:
        return feed_levels(Pipeline(calls))

    assert of(StepCall("resize", {"size": (8, 8)})) == 0.0
    assert of(StepCall("resize", {"size": (8, 8), "interpolation": "cubic"})) == 1.0
    assert of(StepCall("normalize"), StepCall("resize", {"size": (8, 8)})) == 0.1
    assert of(StepCall("normalize"), StepCall("resize", {"size": (8, 8), "library": "pillow"})) == 0.0


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The small network's bundle and its compiled SDK, with the in-process form and all other steps."""
    folder = tmp_path_factory.mktemp("java-network")
    bundle = bundle_of(network_handover(folder / "made"), folder / "network-1.0.0")
    steps = [
        str(each) for each in sorted((SOURCES / "steps").glob("*.java")) if each.name not in _used(bundle)
    ]
    javac(bundle / "sdk" / "java", folder / "build", "@sources-inprocess.txt", *steps, *stand_in())
    return bundle, folder / "build"


def _used(bundle: Path) -> set[str]:
    return {each.name for each in (bundle / "sdk" / "java" / "src" / "seatrial" / "steps").iterdir()}


@NO_JAVA
@pytest.mark.slow
def test_in_process_one_many_and_four_threads(network: tuple[Path, Path]) -> None:
    bundle, build = network
    vectors = json.loads((bundle / "samples" / "vectors.json").read_text())["vectors"]
    told = {}
    for program in ("Single", "Batch", "MultiThread"):
        done = java(build, f"samples.inprocess.{program}", bundle)
        assert done.returncode == 0, done.stderr
        told[program] = [json.loads(line.partition(" ")[2]) for line in done.stdout.splitlines()]
    assert told["Single"] == [vectors[0]["answer"]]
    assert told["Batch"] == told["MultiThread"] == [each["answer"] for each in vectors]


@NO_JAVA
@pytest.mark.slow
def test_each_error_says_what_is_wrong(network: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, build = network
    np.save(tmp_path / "wrong.npy", np.zeros((3, 3), np.float32))
    (tmp_path / "bad.npy").write_bytes(b"no numbers")
    cases = [
        (
            ("samples.inprocess.Single", bundle, tmp_path / "wrong.npy"),
            "has shape [1, 3, 3], and the model takes",
        ),
        (("samples.inprocess.Single", bundle, tmp_path / "bad.npy"), "is no .npy file"),
        (("samples.inprocess.Single", bundle, tmp_path / "gone.npy"), "cannot be read"),
        (
            ("samples.inprocess.Single", tmp_path, tmp_path / "wrong.npy"),
            "give the folder of the whole bundle",
        ),
        (("samples.http.Single", "http://127.0.0.1:9", bundle), "does not answer: nobody listens there"),
        (("samples.http.Single", "127.0.0.1:9", bundle), "is no address"),
        (("GoldenTest", tmp_path), "there is no file"),
    ]
    for words, expected in cases:
        done = java(build, *words)
        assert done.returncode != 0, words
        assert expected in done.stderr, (words, done.stderr)


@NO_JAVA
@pytest.mark.slow
def test_the_proof_fails_when_a_constant_or_a_label_is_changed(
    network: tuple[Path, Path], tmp_path: Path
) -> None:
    made = network_handover(tmp_path / "made")
    image = StepCall("normalize", {"scale": 1.0, "mean": (0.5,), "std": (0.25,), "order": "CHW"})
    payload = np.random.default_rng(0).random((1, 4, 4), np.float32)
    contract: Contract = dataclasses.replace(
        made.contract,
        inputs=(dataclasses.replace(made.contract.inputs[0], shape=("batch", 1, 4, 4), low=None, high=None),),
        preprocess=Pipeline((image,)),
        files={},
    )
    feeds, context = contract.prepare(payload)
    outputs = made.vectors[0].outputs
    answer = contract.answer(list(outputs.values()), 0, context)
    vector = dataclasses.replace(
        made.vectors[0], payload=_npy(payload), suffix=".npy", kind="array", feeds=feeds, answer=answer
    )
    bundle = bundle_of(dataclasses.replace(made, contract=contract, vectors=(vector,)), tmp_path / "b")
    source = bundle / "sdk" / "java" / "src" / "seatrial" / "Pipeline.java"
    kept = source.read_text()
    said = []
    for before, after in (("{0.5}", "{0.51}"), ("{0.25}", "{0.26}"), ("{0.25}", "{0.25}")):
        assert before in kept
        source.write_text(kept.replace(before, after))
        done = java(with_pipeline(bundle, network[1], tmp_path / "build"), "GoldenTest", bundle)
        said.append((done.returncode, done.stdout.splitlines()[-1]))
    assert said == [(1, "0 of 1"), (1, "0 of 1"), (0, "1 of 1")]
    labels = bundle / "labels.txt"
    labels.write_text(labels.read_text().replace("north", "nord"))
    done = java(f"{tmp_path / 'build'}:{network[1]}", "GoldenTest", bundle)
    assert "is not the list of this contract" in done.stderr


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def with_pipeline(bundle: Path, shared: Path, build: Path, *, samples: bool = False) -> str:
    """The class path of a bundle's SDK: what uses its pipeline is its own, the rest is compiled once."""
    sdk = bundle / "sdk" / "java"
    own = [sdk / "src" / "seatrial" / name for name in ("Pipeline.java", "GoldenTest.java")]
    own += sorted(sdk.glob("src/seatrial/samples/http/*.java")) if samples else []
    javac(sdk, build, "-cp", str(shared), *map(str, own))
    return f"{build}:{shared}"


def proved(handover: Any, shared: Path, tmp_path: Path, *, samples: bool = False) -> tuple[Path, str]:
    """The bundle and the class path of its SDK, after the golden test."""
    bundle = bundle_of(handover, tmp_path / "bundle")
    classes = with_pipeline(bundle, shared, tmp_path / "build", samples=samples)
    ran = java(classes, "GoldenTest", bundle)
    count = len(handover.vectors)
    assert (ran.returncode, ran.stdout) == (0, f"{count} of {count}\n"), ran.stdout + ran.stderr
    return bundle, classes


@NO_JAVA
@pytest.mark.slow
def test_digits_here_and_served(digits: Path, network: tuple[Path, Path], tmp_path: Path) -> None:
    handover = of_digits(tmp_path, digits, open_model(digits / "model"), "paddle")
    bundle, build = proved(handover, network[1], tmp_path, samples=True)
    with serving(bundle) as served:
        address = f"http://{served.address}"
        ran = java(build, "GoldenTest", bundle, address)
        assert (ran.returncode, ran.stdout) == (0, "12 of 12\n"), ran.stdout + ran.stderr
        expected = [each.answer["class"] for each in handover.vectors]
        for program, count in (("Single", 1), ("Batch", 12), ("MultiThread", 12)):
            done = java(build, f"samples.http.{program}", address, bundle)
            assert done.returncode == 0, done.stderr
            lines = [json.loads(line.partition(" ")[2]) for line in done.stdout.splitlines()]
            assert [each["class"] for each in lines] == expected[:count]


@NO_JAVA
@pytest.mark.slow
def test_lines_of_text(ppocr: Path, chinese_font: Path, network: tuple[Path, Path], tmp_path: Path) -> None:
    handover = of_lines(tmp_path, ppocr, chinese_font)
    assert handover.vectors[0].answer["text"].startswith("海试通过")
    proved(handover, network[1], tmp_path)


@NO_JAVA
@pytest.mark.slow
def test_boxes_of_pages(ppocr: Path, chinese_font: Path, network: tuple[Path, Path], tmp_path: Path) -> None:
    handover = of_pages(tmp_path, ppocr, chinese_font)
    assert all(each.answer["boxes"] for each in handover.vectors)
    proved(handover, network[1], tmp_path)


@NO_JAVA
@pytest.mark.slow
def test_reviews(reviews: Path, network: tuple[Path, Path], tmp_path: Path) -> None:
    handover = of_reviews(tmp_path, reviews, open_model(reviews / "model"), "paddle")
    bundle, build = proved(handover, network[1], tmp_path)
    with serving(bundle) as served:
        ran = java(build, "GoldenTest", bundle, f"http://{served.address}")
        assert (ran.returncode, ran.stdout) == (0, "12 of 12\n"), ran.stdout + ran.stderr


@pytest.fixture
def busy() -> Iterator[tuple[str, list[str]]]:
    """A server that is busy twice before it answers, and never in time for `slow`."""
    asked: list[str] = []
    held = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            status, body = (503, b'{"error": "busy"}') if len(asked) <= 2 else (200, b'{"class": "north"}')
            if "wrong" in self.path:
                status, body = 400, b'{"error": "inputs.x: expected numbers"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0.2")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            held.is_set()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@NO_JAVA
@pytest.mark.slow
def test_a_busy_server_is_asked_again(network: tuple[Path, Path], busy: tuple[str, list[str]]) -> None:
    address, asked = busy
    done = java(network[1], "samples.http.Single", address, network[0])
    assert done.returncode == 0, done.stderr
    assert len(asked) == 3
    assert json.loads(done.stdout.partition(" ")[2]) == {"class": "north"}
