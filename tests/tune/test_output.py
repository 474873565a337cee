"""What a tuning leaves: page, data, the recommended model, the profile in the contract."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from seatrial.contract import Deployment, dump_contract, load_contract
from seatrial.errors import UsageError
from seatrial.tune import output
from seatrial.tune.page import charts, headline, to_html
from seatrial.tune.result import FORMAT, document
from support.served import contract_for
from support.tunings import model_file, tuning, variant

PROFILE = Deployment(
    runtime="onnxruntime", format="onnx", threads=2, max_batch_size=8, engine={"spinning": True},
    model="sha256:" + "ab" * 32, goal="p99<20ms and max throughput", machine="a machine, 2 cores",
    measured={
        "p50_ms": 1.0, "p99_ms": 3.0, "throughput": 8000.0, "memory_mb": 100.0, "accuracy": 0.95, "drop": 0.0,
        "samples": 100,
    },
)  # fmt: skip


def test_the_profile_says_what_was_measured_and_where():
    assert tuning().deployment() == PROFILE
    assert tuning(recommendation=None).deployment() is None


def test_the_data_is_plain_and_knows_no_path_and_no_clock(tmp_path):
    data = document(tuning())
    assert data["format"] == FORMAT
    assert data == json.loads(json.dumps(data))
    assert data["recommendation"]["runtime"] == "onnxruntime"
    assert data["recommendation"]["gain"] == {"value": 2.0, "low": 1.8, "high": 2.2}
    assert [each["accuracy"]["value"] for each in data["front"]] == [0.95, 0.95]
    assert str(tmp_path) not in json.dumps(data)
    assert document(tuning()) == data


def test_an_unbounded_quantile_is_no_number_in_the_data():
    found = tuning()
    wide = replace(found.front[0].figures, p99=replace(found.front[0].figures.p99, high=float("inf")))
    data = document(tuning(front=(replace(found.front[0], figures=wide),)))
    assert data["front"][0]["p99_ms"]["high"] is None


class Outline(HTMLParser):
    """Counts what opens and what closes."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("meta", "link", "path", "use", "circle", "line", "rect", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


def test_the_page_is_whole_without_a_script_and_escapes_what_it_shows():
    page = to_html(tuning())
    outline = Outline()
    outline.feed(page)
    assert not outline.open
    assert "script" not in outline.seen
    assert "<b>converted" not in page
    assert "&lt;b&gt;converted" in page
    assert page.count('<svg class="chart"') == 2
    assert not re.search(r"(src|href)=\"http", page)
    assert to_html(tuning()) == page


def test_the_charts_hold_every_point():
    shown, every = charts(tuning())
    assert sum(len(each.xs) for each in every.series) == 2
    assert [each.name for each in shown.series] == ["recommended", "front"]


def test_a_goal_that_nobody_reaches_names_the_nearest_and_its_figures():
    nearest = tuning().front[0]
    found = tuning("p99<1ms and throughput>9000/s", recommendation=None, nearest=nearest)
    told = headline(found)
    assert "Nobody reaches p99<1ms and throughput>9000/s" in told
    assert "p99 3 ms, throughput 8000/s" in told
    assert "Not reached" in to_html(found)
    assert headline(tuning(recommendation=None, nearest=None)).startswith("Nothing that answers well enough")


def test_a_model_that_was_made_is_delivered_with_its_profile(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    found = tuning()
    best = found.recommendation.candidate
    setup = replace(best.point.setup, variant=variant("converted to onnx", model_file(folder)))
    chosen = replace(best, point=replace(best.point, setup=setup))
    found = replace(found, recommendation=replace(found.recommendation, candidate=chosen))
    contract = contract_for(fingerprints={"model": "sha256:" + "11" * 32})
    paths = output.write(found, contract, tmp_path / "out")
    assert [each.name for each in paths] == ["tune.html", "tune.json", "model"]
    assert (tmp_path / "out" / "model" / "double.onnx").read_bytes() == b"graph"
    delivered = load_contract(tmp_path / "out" / "model" / "contract.yaml")
    assert delivered.deployment == PROFILE
    assert "model" not in delivered.fingerprints
    assert delivered.digest() == contract.digest()


def test_the_model_as_given_is_not_copied_and_nothing_is_overwritten(tmp_path):
    found = tuning()
    own = replace(found.recommendation, candidate=found.front[1])
    paths = output.write(replace(found, recommendation=own), contract_for(), tmp_path / "out")
    assert [each.name for each in paths] == ["tune.html", "tune.json"]
    with pytest.raises(UsageError, match="not an empty folder"):
        output.write(found, contract_for(), tmp_path / "out")


def test_the_profile_is_written_into_the_contract_and_the_rest_stays(tmp_path):
    path = tmp_path / "contract.yaml"
    text = "# mine\n" + dump_contract(contract_for()).replace(
        "name: double", "name: double  # so it is called"
    )
    path.write_text(text, "utf-8")
    contract = load_contract(path)
    assert output.write_profile(tuning(), contract, path) == text
    written = path.read_text("utf-8")
    assert all(line in written.splitlines() for line in text.splitlines())
    assert load_contract(path).deployment == PROFILE
    output.write_profile(tuning(), load_contract(path), path)
    assert path.read_text("utf-8") == written
    with pytest.raises(UsageError, match="nobody holds the goal"):
        output.write_profile(tuning(recommendation=None), contract, path)
