"""Writes docs/reference from the code. `make docs` runs it; a test fails when a page is out of step.

Usage: python docs/generate.py [--check]
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from seatrial import errors, extensions
from seatrial.checks import all_checks, explanations, load_profile, profile_names
from seatrial.cli.list import ROOMS
from seatrial.cli.main import COMMANDS, EXIT_CODES, seatrial
from seatrial.converters._fold.emitters import EMITTERS, REASONS
from seatrial.diagnosis import all_hypotheses
from seatrial.serve import settings as settings_module
from seatrial.serve.access.licensing import Licensing
from seatrial.serve.metrics import Histogram
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import License, Log, Settings
from seatrial.serve.watching.gpu import gpu_families
from seatrial.serve.watching.instruments import Instruments
from seatrial.serve.watching.observing import observe
from seatrial.serve.watching.processes import front_families
from seatrial.trust import refusals

REFERENCE = Path(__file__).resolve().parent / "reference"
HEAD = "<!-- Written by docs/generate.py from the code; change the code, not this page. -->\n"


def cli_page() -> str:
    """Every command with its help."""
    parts = [HEAD, "# Command line\n", "```text", _help(seatrial, "seatrial"), "```\n"]
    for name in COMMANDS:
        command = seatrial.get_command(click.Context(seatrial), name)
        parts += _command(command, f"seatrial {name}") if command else []
    parts += ["## Exit codes\n", "| code | means |", "|---|---|", "| 0 | done, or the gate said yes |"]
    parts += ["| 1 | the gate said no |"]
    parts += [
        f"| {code} | {(family.__doc__ or '').splitlines()[0]} (`{family.__name__}`) |"
        for family, code in EXIT_CODES
    ]
    return "\n".join(parts) + "\n"


def _command(command: click.Command, path: str) -> Iterator[str]:
    yield from (f"## {path}\n", "```text", _help(command, path), "```\n")
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _command(command.commands[name], f"{path} {name}")


def _help(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
    return command.get_help(context)


def checks_page() -> str:
    """The ten questions, and the profiles that require them."""
    rows = [HEAD, "# Checks\n", "| # | check | asks | 检查 | promises |", "|---|---|---|---|---|"]
    for each in all_checks():
        asks = f"{each.question.en} | {each.question.zh}"
        rows.append(f"| {each.order} | `{each.name}` | {asks} | {', '.join(each.promises)} |")
    rows.append(
        "\nEach file of `src/seatrial/checks/` is one check; entry points in `seatrial.checks` add more."
    )
    return "\n".join(rows) + "\n"


def folding_page() -> str:
    """Which steps fold into a graph, and how near the result is to the Python step's."""
    rows = [HEAD, "# Folded steps\n", "What `seatrial convert --fold-pipeline` puts into the graph.\n"]
    rows += ["| step | agreement with the Python step | batches | not folded |", "|---|---|---|---|"]
    for name, each in sorted(EMITTERS.items()):
        rows.append(f"| `{name}` | {each.agreement} | {'yes' if each.batched else 'no'} | {each.limits} |")
    rows += ["\nNot folded:\n", *(f"- `{name}`: {why}." for name, why in sorted(REASONS.items()))]
    return "\n".join(rows) + "\n"


def profiles_page() -> str:
    """What each shipped profile asks for."""
    rows = [
        HEAD,
        "# Profiles\n",
        "| profile | precision | threads | runtimes | required | limits |",
        "|---|---|---|---|---|---|",
    ]
    for name in profile_names():
        each = load_profile(name)
        limits = ", ".join(f"`{key}` = {value}" for key, value in each.limits.items())
        required = ", ".join(f"`{item}`" for item in sorted(each.required))
        runtimes = ", ".join(each.runtimes)
        rows.append(f"| `{name}` | {each.precision} | {each.threads} | {runtimes} | {required} | {limits} |")
    rows.append(
        "\nA profile of your own is a YAML file with these fields:"
        " `seatrial check ... --profile mine.yaml`.\n"
        "`also: [arm64-onnxruntime, avx2-onnxruntime, browser]` names runtimes on other processors that\n"
        "the release is for too ([how](../how-to/arm64.md)); the shipped profiles name none."
    )
    return "\n".join(rows) + "\n"


def extensions_page() -> str:
    """Formats, runtimes, converters and readers."""
    rows = [HEAD, "# Formats, runtimes, converters, readers\n"]
    for room in ("formats", "runtimes", "converters", "readers"):
        rows += [f"## {room.capitalize()}\n", "| name | does |", "|---|---|"]
        rows += [f"| `{each.name}` | {each.summary} |" for each in extensions.find(*ROOMS[room]).values()]
        rows.append("")
    return "\n".join(rows)


def errors_page() -> str:
    """The tree of errors."""
    of_licenses = (refusals.__doc__ or "").strip()
    return (
        f"{HEAD}# Errors\n\n```text\n{(errors.__doc__ or '').strip()}\n```\n\n"
        f"## Of licenses\n\n```text\n{of_licenses}\n```\n"
    )


def findings_page() -> str:
    """What each finding means, in both languages."""
    rows = [
        HEAD,
        "# Findings\n",
        "`seatrial explain FINDING` says the same in a terminal, `--lang zh` in Chinese.",
    ]
    rows.append("The numbers (F01...) are those of [faults.md](faults.md).\n")
    check = ""
    for each in explanations().values():
        if each.check != check:
            check = each.check
            rows.append(f"## {check.capitalize()}\n")
        rows.append(f"### `{each.name}`\n")
        for word, text in (("Looks at", each.what), ("Matters", each.why), ("Cause", each.cause)):
            rows.append(f"- **{word}:** {text.en} {text.zh}")
        rows.append(f"- **Fix:** {each.fix.en} {each.fix.zh}")
        rows.append(f"- **Source:** {each.source}\n")
    return "\n".join(rows)


def hypotheses_page() -> str:
    """What `seatrial diagnose` suspects."""
    rows = [HEAD, "# Hypotheses\n", "What `seatrial diagnose` suspects and tries to undo, one a file of"]
    rows.append("`src/seatrial/diagnosis/hypotheses/`; entry points in `seatrial.hypotheses` add more.\n")
    rows += ["| name | asks | 问题 | first seen in | where people met it |", "|---|---|---|---|---|"]
    rows += [
        f"| `{each.name}` | {each.question.en} | {each.question.zh} | {each.stage} | {each.source} |"
        for each in all_hypotheses().values()
    ]
    return "\n".join(rows) + "\n"


def metrics_page() -> str:
    """What a server counts, the parts included that only some servers have."""
    instruments = Instruments(InferenceService(threads=1))
    observe(instruments, Log(requests="-", traces="http://127.0.0.1:4318"))
    made_up = {"NVMLError": OSError, "nvmlInit": lambda: None, "nvmlDeviceGetCount": lambda: 1}
    gpus = gpu_families(SimpleNamespace(**made_up, nvmlDeviceGetHandleByIndex=int))
    parts = (front_families(list), gpus, Licensing(License()).families())
    families = {each.name: each for each in (*instruments.families, *chain.from_iterable(parts))}
    instruments.close()
    rows = [
        HEAD,
        "# Metrics\n",
        "What `GET /metrics` of `seatrial serve` tells, in Prometheus' text form. How to use",
    ]
    rows += [
        "it: [watch a server](../how-to/watch.md).\n",
        "| metric | kind | labels | tells |",
        "|---|---|---|---|",
    ]
    for each in families.values():
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{each.name}` | {each.kind} | {labels} | {each.help} |")
    rows.append("\nBuckets of the histograms, besides `+Inf`:\n")
    for each in families.values():
        if isinstance(each, Histogram):
            rows.append(f"- `{each.name}`: {', '.join(f'{bound:g}' for bound in each.bounds)}")
    rows.append(
        "\nA version that was unloaded is told once more after it left, and then forgotten. GPUs are told "
        "where `nvidia-ml-py` (extra `gpu`) finds some, drift where `input_distribution.json` lies beside "
        "the model, log lines and spans where they are configured, fronts with `--fronts`, licenses with "
        "`--license`."
    )
    return "\n".join(rows) + "\n"


def settings_page() -> str:
    """What `serve.yaml` may say."""
    schema = Settings.model_json_schema()
    rows = [HEAD, "# serve.yaml\n", "What [`seatrial serve --config`](cli.md#seatrial-serve) reads. Nothing"]
    rows.append("is required but the paths of models; an unknown key is an error. An example with its")
    rows.append("explanation: [Serve versions](../how-to/serve-versions.md).\n")
    seen, waiting = {Settings.__name__}, [Settings]
    while waiting:
        each = waiting.pop(0)
        own = schema if each is Settings else schema["$defs"][each.__name__]
        means = _attributes(inspect.getdoc(each) or "")
        first = " ".join((inspect.getdoc(each) or "").split("\n\nAttributes:")[0].split())
        rows += [f"## {each.__name__}\n", f"{first}\n"]
        rows += ["| key | takes | default | means |", "|---|---|---|---|"]
        for name, field in own["properties"].items():
            default = f"`{json.dumps(field.get('default', {}))}`" if "$ref" not in field else ""
            default = "required" if name in own.get("required", []) else default
            rows.append(f"| `{name}` | {_takes(field)} | {default} | {means.get(name, '')} |")
        rows.append("")
        for name in re.findall(r'"#/\$defs/(\w+)"', json.dumps(own["properties"])):
            if name not in seen:
                seen.add(name)
                waiting.append(getattr(settings_module, name))
    return "\n".join(rows)


def _attributes(doc: str) -> dict[str, str]:
    """What a Google docstring says of each attribute."""
    lines = doc.partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", lines, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _takes(field: dict[str, Any]) -> str:
    """A JSON Schema type in a few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(_takes(each) for each in field["anyOf"] if each.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {_takes(field['items'])}"
    if field.get("type") == "object":
        return f"{_takes(field['additionalProperties'])} by name"
    return "path" if field.get("format") == "path" else str(field.get("type", "")).replace("string", "text")


PAGES = {
    "serve-yaml.md": settings_page,
    "metrics.md": metrics_page,
    "hypotheses.md": hypotheses_page,
    "findings.md": findings_page,
    "cli.md": cli_page,
    "checks.md": checks_page,
    "folding.md": folding_page,
    "profiles.md": profiles_page,
    "extensions.md": extensions_page,
    "errors.md": errors_page,
}


def main() -> int:
    """Writes the pages, or with --check says which are out of step."""
    stale = []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, page()
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    print(("out of step: " if "--check" in sys.argv else "wrote: ") + (", ".join(stale) or "nothing"))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
