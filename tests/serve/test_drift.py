"""Inputs as they come, against those a model was judged on."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seatrial.cli.drift import command
from seatrial.errors import ContractViolation, UsageError
from seatrial.serve.call import Call
from seatrial.serve.watching.distribution import FILE, instability, learn, load, numbers_of, save
from seatrial.serve.watching.drift import A_SECOND, Drift, DriftWatch
from support.served import contract_for, infer_body, loaded, rest

RNG = np.random.default_rng(5)


def pictures(count: int, *, light: float = 1.0, add: float = 0.0) -> list[dict[str, Any]]:
    drawn = RNG.normal(0.0, 1.0, (count, 3, 16, 16)) * RNG.uniform(0.7, 1.3, (count, 1, 1, 1))
    return [{"image": (light * each + add)[None].astype("float32")} for each in drawn]


def index_of(reference: list[dict[str, Any]], now: list[dict[str, Any]]) -> dict[str, float]:
    drift = Drift(learn(reference, ""))
    for each in now:
        drift.take(each)
    return drift.index()


def test_the_same_kind_of_input_has_not_drifted() -> None:
    for samples in (50, 400):
        assert index_of(pictures(samples), pictures(400))["image"] < 0.1


@pytest.mark.parametrize(
    "change",
    [{"light": 2.0}, {"light": 0.3}, {"add": 0.5}, {"light": 255.0}],
    ids=["brighter", "darker", "shifted", "not-scaled"],
)
def test_another_kind_of_input_has(change: dict[str, float]) -> None:
    assert index_of(pictures(300), pictures(300, **change))["image"] > 0.25


def test_it_is_forgotten_when_it_is_over() -> None:
    drift = Drift(learn(pictures(300), ""))
    for each in pictures(500, add=2.0):
        drift.take(each)
    assert drift.index()["image"] > 1
    for each in pictures(12_000):
        drift.take(each)
    assert drift.index()["image"] < 0.1


def test_nothing_is_said_of_a_few_rows() -> None:
    assert index_of(pictures(300), pictures(95)) == {}
    assert index_of(pictures(300), pictures(120)) != {}


def test_lengths_count_where_they_vary() -> None:
    def texts(shortest: int, longest: int) -> list[dict[str, Any]]:
        return [{"ids": RNG.integers(0, 99, (1, RNG.integers(shortest, longest)))} for _ in range(300)]

    assert index_of(texts(5, 50), texts(5, 50))["ids"] < 0.1
    assert index_of(texts(5, 50), texts(60, 90))["ids"] > 0.25
    assert index_of(texts(30, 31), texts(20, 21))["ids"] > 0.25

    def words(length: int) -> list[dict[str, Any]]:
        return [{"text": np.array(["x" * (length + each % 5)], object)} for each in range(200)]

    assert index_of(words(3), words(3))["text"] < 0.1
    assert index_of(words(3), words(30))["text"] > 0.25


def test_what_is_not_finite_is_far_away() -> None:
    assert index_of(pictures(300), pictures(300, light=np.nan))["image"] > 0.25
    assert np.isfinite(index_of(pictures(300), pictures(300, light=np.inf))["image"])


@given(
    arrays.arrays(np.float64, st.integers(2, 14), elements=st.floats(0, 1e6)),
    st.integers(0, 2**32 - 1),
    st.floats(1, 1e3),
)
def test_an_index_is_never_negative_and_of_the_same_shares_it_is_none(
    counts: Any, seed: int, factor: float
) -> None:
    other = np.random.default_rng(seed).integers(0, 1000, len(counts)).astype(float)
    assert instability(counts, other, samples=100, rows=100) >= 0
    counts = counts + 100
    assert instability(counts, counts * factor, samples=1000, rows=1000) < 0.05


@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.int64, np.bool_, np.uint8]),
        arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=9),
    )
)
def test_every_tensor_has_numbers(array: Any) -> None:
    for values in numbers_of(array).values():
        assert values.dtype == np.float64
        assert values.ndim == 1


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    kept = learn([*pictures(30), {"image": np.zeros((1, 3, 16, 16), "float32")}], "sha256:1")
    assert save(kept, tmp_path).name == FILE
    read = load(tmp_path)
    assert read is not None
    assert (read.samples, read.preprocess) == (31, "sha256:1")
    for number, bins in kept.inputs["image"].items():
        assert bins.counts.sum() in (31, 31 * 16)
        np.testing.assert_array_equal(read.inputs["image"][number].edges, bins.edges)
        np.testing.assert_array_equal(read.inputs["image"][number].counts, bins.counts)
    assert load(tmp_path / "elsewhere") is None


def damage(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], str]:
    def damaged(data: dict[str, Any]) -> str:
        change(data)
        return json.dumps(data)

    return damaged


DAMAGE = {
    "not json": lambda _: "{",
    "a list": lambda _: "[]",
    "another format": damage(lambda data: data.update(format="x")),
    "no samples": damage(lambda data: data.update(samples=0)),
    "a count is missing": damage(lambda data: data["inputs"]["image"]["mean"]["counts"].pop()),
    "edges go back": damage(lambda data: data["inputs"]["image"]["mean"]["edges"].reverse()),
    "a negative count": damage(lambda data: data["inputs"]["image"]["mean"]["counts"].__setitem__(0, -1)),
    "no edges": damage(lambda data: data["inputs"]["image"].update(mean={"edges": [], "counts": [1]})),
    "text for a number": damage(lambda data: data["inputs"]["image"]["mean"]["edges"].__setitem__(0, "x")),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_told(kind: str, tmp_path: Path) -> None:
    path = save(learn(pictures(30), ""), tmp_path)
    path.write_text(DAMAGE[kind](json.loads(path.read_text())))
    with pytest.raises(ContractViolation, match=FILE):
        load(tmp_path)


def test_too_few_samples_are_told() -> None:
    with pytest.raises(UsageError, match="19 samples"):
        learn(pictures(19), "")


class AtOnce(Executor):
    """Runs what it is given before it returns."""

    def submit(self, work: Any, /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*args, **more))
        return future


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fake models' folder, with a distribution of `x` around 0."""
    monkeypatch.chdir(tmp_path)  # the fake graph is `double.onnx`, here
    rows = [{"x": each.reshape(1, 1)} for each in RNG.normal(size=300)]
    save(learn(rows, contract_for().preprocess_digest()), tmp_path)
    return tmp_path


@pytest.mark.usefixtures("beside")
async def test_a_served_model_tells_how_far_its_inputs_went() -> None:
    model, _ = await loaded(max_batch_size=32)
    async with rest(model) as server:
        watch = DriftWatch(lambda: server.service.models, executor=AtOnce())
        server.service.repository.watch(watch.watch)
        now = [0.0]
        server.front.instruments.listen(lambda call, code, _: watch(call, code, now[0]))
        for each in watch.metrics():
            server.front.instruments.add(each)

        async def told(shift: float) -> str:
            for _ in range(15):
                now[0] += 1.1 / A_SECOND
                body = infer_body(*(RNG.normal(size=32) + shift))
                assert (await server.ask("POST", "/v2/models/double/infer", body)).status == 200
            return (await server.ask("GET", "/metrics")).body.decode()

        before, after = [gauge(await told(shift)) for shift in (0.0, 3.0)]
        assert before < 0.1
        assert after > 0.25


def gauge(text: str) -> float:
    name = 'seatrial_input_drift{model="double",version="1",input="x"} '
    return float(next(each for each in text.splitlines() if each.startswith(name)).removeprefix(name))


@pytest.mark.usefixtures("beside")
async def test_only_some_requests_a_second_are_looked_at() -> None:
    model, _ = await loaded()
    watch = DriftWatch(lambda: [model], executor=AtOnce())
    watch.watch(model)
    request = model.submit({"x": np.ones((1, 1))}, lambda _: None)
    for turn in range(1000):
        watch(Call(stages=[(model, request)]), 200, turn / 1000)
    assert watch.metrics()[1]._read()["double", "1"] == pytest.approx(A_SECOND, abs=1)
    await model.batcher.close()


async def test_without_a_fitting_distribution_nothing_is_looked_at(
    beside: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = await loaded()
    watch = DriftWatch(lambda: [model], executor=AtOnce())
    save(learn(pictures(30), "sha256:of another"), beside)
    watch.watch(model)
    (beside / FILE).write_text("{")
    watch.watch(model)
    (beside / FILE).unlink()
    watch.watch(model)
    first, second = [each.message.partition("not watched: ")[2] for each in caplog.records]
    assert first.startswith("its input distribution is of another preprocessing")
    assert f"{FILE} is no input distribution" in second
    assert not watch._drifts
    await model.batcher.close()


@pytest.mark.usefixtures("beside")
async def test_a_model_that_left_is_forgotten() -> None:
    model, _ = await loaded()
    models = [model]
    watch = DriftWatch(lambda: models, executor=AtOnce())
    watch.watch(model)
    models.clear()
    assert watch.metrics()[1]._read() == {}
    assert not watch._due
    await model.batcher.close()


@pytest.mark.slow
def test_the_command_learns_and_shows(tmp_path: Path, digits: Path) -> None:
    import shutil

    shutil.copytree(digits / "model", tmp_path / "model")
    root = Path(__file__).resolve().parents[2]
    shutil.copy(root / "examples" / "digits" / "contract.yaml", tmp_path / "model")
    model = str(tmp_path / "model")

    def run(*words: str) -> str:
        done = CliRunner().invoke(command, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "450 samples" in run("learn", model, "--data", str(digits / "held_out.npz"))
    assert "(as learned)" in run("show", model, "--data", str(digits / "members.npz"))
    with np.load(digits / "held_out.npz") as held_out:
        np.savez(tmp_path / "dark.npz", image=held_out["image"] * 0.4, label=held_out["label"])
    assert "(different)" in run("show", model, "--data", str(tmp_path / "dark.npz"))
