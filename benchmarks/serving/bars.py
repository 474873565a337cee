"""The figures side by side, and what Seatrial has to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from loads import LOADS
from models import DEVICE

from results import Results

OURS, FRONTS = "seatrial", "seatrial fronts 2"
SINGLE = 0.015  # seconds of one request alone, as the claim of "5 x by batching" has it
AT_ONCE = 25.0  # ms within which 99 % of the refusals must come: less than one batch takes


@dataclass(frozen=True)
class Verdict:
    """One bar.

    Attributes:
        what: The load.
        wanted: The bar, in words.
        found: What was measured, in words; empty: not measured.
        met: Whether that is enough.
    """

    what: str
    wanted: str
    found: str = ""
    met: bool = False


def verdicts(results: Results) -> list[Verdict]:
    """Every bar, in the order of the loads."""
    return [each(results) for each in _BARS]


def _ratio(results: Results, load: str, figure: str, server: str, other: str) -> list[float]:
    """One figure against another server's, repeat by repeat."""
    theirs = {row["repeat"]: row[figure] for row in results.rows(other, load)}
    mine = results.rows(server, load)
    paired = [row[figure] / theirs[row["repeat"]] for row in mine if theirs.get(row["repeat"])]
    if paired or not theirs:
        return paired
    return [row[figure] / median(theirs.values()) for row in mine]


def _against_ideal(results: Results, load: str) -> list[float]:
    return [row["answered"]["mean_ms"] / row["ideal_mean_ms"] for row in results.rows(OURS, load)]


def _spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """The median, and from where to where the repeats lay."""
    if len(values) < 2:
        return form.format(values[0])
    return f"{form.format(median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def _device(results: Results) -> Verdict:
    told = Verdict("sim-64", ">= 97 % of the device")
    shares = [100 * each / DEVICE.capacity for each in results.values(OURS, "sim-64", "rps")]
    return _judged(told, shares, lambda: median(shares) >= 97, "{:.1f} %")


def _judged(told: Verdict, values: Sequence[float], met: Callable[[], bool], form: str) -> Verdict:
    if not values:
        return told
    return Verdict(told.what, told.wanted, _spread(values, form), met())


def _half(results: Results) -> Verdict:
    over = [100 * (each - 1) for each in _against_ideal(results, "sim-p50")]
    told = Verdict("sim-p50", "mean within 6 % of the ideal")
    return _judged(told, over, lambda: median(over) <= 6, "{:+.1f} %")


def _nearly_full(results: Results) -> Verdict:
    over = [100 * (each - 1) for each in _against_ideal(results, "sim-p95")]
    told = Verdict("sim-p95", "mean within 20 % of the ideal, at most 1 % refused")
    rows = results.rows(OURS, "sim-p95")
    if not rows:
        return told
    refused = median(100 * row["refused"]["count"] / row["sent"] for row in rows)
    found = f"{_spread(over, '{:+.1f} %')}, {refused:.1f} % refused"
    return Verdict(told.what, told.wanted, found, median(over) <= 20 and refused <= 1)


def _claim(results: Results) -> Verdict:
    told = Verdict("sim-p25", "5 x one at a time, mean <= 26 ms")
    rows = results.rows(OURS, "sim-p25")
    if not rows:
        return told
    means, times = [row["answered"]["mean_ms"] for row in rows], median(row["rps"] * SINGLE for row in rows)
    lost = sum(row["refused"]["count"] + row["unfinished"] + row["errors"] for row in rows)
    found = f"{times:.2f} x, {_spread(means, '{:.1f}')} ms, {lost} lost"
    return Verdict(told.what, told.wanted, found, not lost and median(means) <= 26)


def _most(results: Results) -> Verdict:
    told = Verdict("sim-64", "20 x one at a time (the device's most is 20.3)")
    times = [each * SINGLE for each in results.values(OURS, "sim-64", "rps")]
    price = results.middle(OURS, "sim-64", "answered.mean_ms")
    judged = _judged(told, times, lambda: median(times) >= 19.5, "{:.1f}")
    return (
        Verdict(told.what, told.wanted, f"{judged.found} x at {price:.1f} ms", judged.met) if times else told
    )


def _overload(results: Results) -> Verdict:
    told = Verdict("sim-p150", ">= 95 % of capacity served, P99 < 4 x unloaded, the rest refused at once")
    rows, alone = results.rows(OURS, "sim-p150"), results.middle(OURS, "sim-1", "answered.p99_ms")
    if not rows or not alone:
        return told
    share = median(100 * row["rps"] / DEVICE.capacity for row in rows)
    slow = median(row["answered"]["p99_ms"] / alone for row in rows)
    refused = median(row["refused"]["p99_ms"] for row in rows)
    lost = sum(row["unfinished"] + row["errors"] for row in rows)
    found = f"{share:.1f} %, {slow:.1f} x, refused within {refused:.1f} ms, {lost} lost"
    met = share >= 95 and slow < 4 and refused <= AT_ONCE and not lost
    return Verdict(told.what, told.wanted, found, met)


def _tiny_one(results: Results) -> Verdict:
    told = Verdict("tiny-32", ">= 5 x FastAPI, one process")
    times = _ratio(results, "tiny-32", "rps", OURS, "fastapi")
    return _judged(told, times, lambda: median(times) >= 5, "{:.2f} x")


def _tiny_two(results: Results) -> Verdict:
    told = Verdict("tiny-32", ">= 1.5 x Triton, --fronts 2")
    times = _ratio(results, "tiny-32", "rps", FRONTS, "triton")
    return _judged(told, times, lambda: median(times) >= 1.5, "{:.2f} x")


def _image(results: Results) -> Verdict:
    told = Verdict("image", "224 x 224 tensor read in < 50 us")
    raw, listed = (results.middle(OURS, "image", each) for each in ("raw_us", "json_us"))
    if raw is None or listed is None:
        return told
    return Verdict(told.what, told.wanted, f"{raw:.1f} us (as JSON {listed:.0f} us)", raw < 50)


def _gone(results: Results) -> Verdict:
    told = Verdict("gone", "100 clients gone while queued: <= 8 rows run")
    rows = results.values(OURS, "gone", "rows")
    return _judged(told, rows, lambda: max(rows) <= 8, "{:.0f}")


def _encoder(results: Results) -> Verdict:
    told = Verdict("encoder-32", ">= 95 % of the engine without a server")
    shares = [100 * each for each in _ratio(results, "encoder-32", "rps", OURS, "in process")]
    return _judged(told, shares, lambda: median(shares) >= 95, "{:.1f} %")


_BARS = (
    _device, _half, _nearly_full, _claim, _most, _overload, _tiny_one, _tiny_two, _image, _gone, _encoder
)  # fmt: skip


def tables(results: Results) -> str:
    """Everything as Markdown, which reads well on a terminal too."""
    parts = [
        _table(results, f"{title}: requests/s, mean ms, P99 ms", model)
        for title, model in (
            ("Simulated device", "sim"), ("Tiny model", "tiny"), ("Transformer", "encoder"),
        )
    ]  # fmt: skip
    parts += [_bars(results), _gone_table(results), _machine(results)]
    return "\n\n".join(each for each in parts if each)


def _table(results: Results, title: str, model: str) -> str:
    loads = [each.name for each in LOADS.values() if each.model == model]
    loads = [each for each in loads if any(row["load"] == each for row in results.runs)]
    lines = [
        "| " + " | ".join([name, *(_cell(results, name, load) for load in loads)]) + " |"
        for name in results.servers
        if any(results.rows(name, load) for load in loads)
    ]
    if not lines:
        return ""
    head = [f"**{title}**", "", "| server | " + " | ".join(loads) + " |", "|---" * (len(loads) + 1) + "|"]
    if model == "sim":
        head.append("| *ideal* | " + " | ".join(_ideal(results, load) for load in loads) + " |")
    return "\n".join(head + lines)


def _cell(results: Results, server: str, load: str) -> str:
    rows = results.rows(server, load)
    if not rows:
        return ""
    if "answered" not in rows[0]:
        return f"{results.middle(server, load, 'rps'):.0f}"
    figures = [results.middle(server, load, each) for each in ("rps", "answered.mean_ms", "answered.p99_ms")]
    told = " / ".join(
        f"{each:.0f}" if each >= 1000 else f"{each:.1f}" for each in figures if each is not None
    )
    lost = round(median(row["unfinished"] + row["errors"] + row.get("unexpected", 0) for row in rows))
    refused = round(median(row.get("refused", {}).get("count", 0) for row in rows))
    notes = [f"{count} {word}" for count, word in ((refused, "refused"), (lost, "unanswered")) if count]
    return told + (f" ({', '.join(notes)})" if notes else "")


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}"


def _ideal(results: Results, load: str) -> str:
    for server in results.servers:
        figures = [results.middle(server, load, f"ideal_{each}") for each in ("rps", "mean_ms", "p99_ms")]
        found = [f"{each:.1f}" for each in figures if each is not None]
        if found:
            return " / ".join(found)
    return ""


def _bars(results: Results) -> str:
    lines = ["**Bars**", "", "| load | wanted | measured | |", "|---|---|---|---|"]
    for each in verdicts(results):
        met = "met" if each.met else "**missed**" if each.found else "not measured"
        lines.append(f"| {each.what} | {each.wanted} | {each.found} | {met} |")
    return "\n".join(lines)


def _machine(results: Results) -> str:
    """On what, with what, and what is missing and why."""
    told = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    foreign = [row["foreign_cpus"] for row in results.runs if "foreign_cpus" in row]
    lines = [
        f"Machine: {told.get('cpus')} cores of {told.get('processor')}, {told.get('memory_gib')} GiB, Linux "
        f"{told.get('kernel')}, Python {told.get('python')}, no GPU. Servers: {versions}.",
    ]
    if foreign:
        taken = f"{median(foreign):.2f} CPUs in the median run, {max(foreign):.2f} in the worst"
        realtime = any(row.get("realtime") for row in results.runs)
        kind = "the round-robin class" if realtime else "the ordinary scheduling class"
        lines.append(f"Others used {taken}; server and client ran in {kind}.")
    lines += [f"Not measured: {name}: {why}." for name, why in results.missing.items()]
    return "\n".join(lines)


def _gone_table(results: Results) -> str:
    rows = [row for row in results.runs if row["load"] == "gone"]
    if not rows:
        return ""
    lines = [
        "**Clients gone while queued**",
        "",
        "| server | rows run of 100 | serves afterwards |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row['server']} | {row['rows']} | {'yes' if row['still_serves'] else 'no'} |" for row in rows
    ]
    return "\n".join(lines)
