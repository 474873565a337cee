"""The examples in `deploy/`: they are read, and every query names what a server tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.serve.call import Call
from seatrial.serve.watching.record import fields_of

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
METRICS = DEPLOY.parent / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|", re.MULTILINE)
FROM_PROMETHEUS = {"up": {"job"}}
ADDED = {"instance", "job"}  # labels that Prometheus puts on every series
GROUPED = re.compile(r"\bby \(([^)]*)\)")
SELECTOR = re.compile(r"([a-zA-Z_]\w*)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
NAME = re.compile(r"\b([a-zA-Z_]\w*)\b(?!\s*\()")
SHOWN = re.compile(r"\{\{\s*\$?(?:labels\.)?(\w+)")


def known() -> dict[str, set[str]]:
    """Labels by the name of each series, as the reference has them."""
    found = {name: set(labels) for name, labels in FROM_PROMETHEUS.items()}
    for name, kind, labels in ROW.findall(METRICS.read_text("utf-8")):
        own = set(re.findall(r"`(\w+)`", labels))
        if kind == "histogram":
            found |= {f"{name}_bucket": own | {"le"}, f"{name}_sum": own, f"{name}_count": own}
        else:
            found[name] = own
    return found


def checked(expression: str) -> set[str]:
    """The labels that a query's answer has; fails where it names what there is not."""
    series = known()
    text = expression.replace("$__rate_interval", "5m")
    for name, matchers in SELECTOR.findall(text):
        assert name in series, f"no metric '{name}' in: {expression}"
        unknown = set(MATCHER.findall(matchers)) - series[name] - ADDED
        assert not unknown, f"'{name}' has no label {unknown}"
    plain = re.sub(r"\[[^]]*\]", "", re.sub(r'"[^"]*"', "", SELECTOR.sub(r"\1", text)))
    names = set(NAME.findall(GROUPED.sub("", plain))) - {"e"}
    assert names, expression
    assert names <= set(series), f"no metrics {names - set(series)} in: {expression}"
    labels = set.union(*(series[each] for each in names)) | ADDED
    groups = [{each.strip() for each in group.split(",")} for group in GROUPED.findall(plain)]
    for group in groups:
        assert group <= labels, f"no labels {group - labels} in: {expression}"
    return set.intersection(*groups) if groups else labels


def panels() -> Iterator[dict[str, Any]]:
    dashboard = json.loads((DEPLOY / "grafana" / "seatrial.json").read_text("utf-8"))
    yield from (each for each in dashboard["panels"] if each["type"] != "row")


def rules() -> list[dict[str, Any]]:
    data = yaml.safe_load((DEPLOY / "prometheus" / "seatrial.rules.yml").read_text("utf-8"))
    return [rule for group in data["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("panel", list(panels()), ids=lambda panel: panel["title"])
def test_a_panel_asks_for_what_there_is(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        labels = checked(target["expr"])
        assert set(SHOWN.findall(target["legendFormat"])) <= labels


def test_the_dashboard_is_one_that_can_be_imported() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "seatrial.json").read_text("utf-8"))
    assert dashboard["title"] == "Seatrial"
    numbers = [each["id"] for each in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    for each in dashboard["panels"]:
        assert each["gridPos"]["x"] + each["gridPos"]["w"] <= 24
    for variable in dashboard["templating"]["list"][1:]:
        query = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
        assert query
        assert query[2] in checked(query[1])


def test_what_matters_is_on_the_dashboard() -> None:
    asked = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    shown = {name for name in known() if re.search(rf"\b{name}\b", asked)}
    for metric in ("requests_total", "request_seconds_bucket", "queue_seconds_bucket", "batch_rows_sum",
                   "device_seconds_bucket", "rejected_total", "cancelled_total", "degraded_total",
                   "engine_resident_memory_bytes", "gpu_utilization_ratio", "input_drift"):  # fmt: skip
        assert f"seatrial_{metric}" in shown


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    labels = checked(rule["expr"])
    assert set(SHOWN.findall(rule["annotations"]["summary"])) - {"value"} <= labels
    assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize(
    "wrong",
    [
        "seatrial_request_total",
        'rate(seatrial_requests_total{status="200"}[5m])',
        "sum by (mdel) (seatrial_ready)",
        "histogram_quantile(0.9, rate(seatrial_request_seconds[5m]))",
    ],
)
def test_a_query_for_what_there_is_not_is_noticed(wrong: str) -> None:
    with pytest.raises(AssertionError):
        checked(wrong)


def test_prometheus_reads_the_rules_that_are_there() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    for name in config["rule_files"]:
        assert (DEPLOY / "prometheus" / name).exists()
    (scrape,) = config["scrape_configs"]
    assert (scrape["job_name"], scrape["metrics_path"]) == ("seatrial", "/metrics")


def test_filebeat_and_its_index_know_the_fields_of_a_line() -> None:
    config = yaml.safe_load((DEPLOY / "filebeat" / "filebeat.yml").read_text("utf-8"))
    line = {"time": "", **fields_of(Call(error="x", degraded="y"), 200, 1.0)}
    for processor in config["processors"]:
        for each in processor.get("rename", {}).get("fields", []):
            assert each["from"].removeprefix("seatrial.") in line
    template = json.loads((DEPLOY / "filebeat" / "index-template.json").read_text("utf-8"))
    known_fields = template["template"]["mappings"]["properties"]["seatrial"]["properties"]
    moved = {"time", "trace_id", "client", "seconds"}
    assert set(line) - moved <= set(known_fields)


def test_the_readme_names_every_file() -> None:
    text = (DEPLOY / "README.md").read_text("utf-8")
    for path in DEPLOY.rglob("*.*"):
        if path.name != "README.md":
            assert f"`{path.relative_to(DEPLOY)}`" in text
