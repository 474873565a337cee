"""Headless Chromium: ONNX through ONNX Runtime Web, Paddle.js models through Paddle.js."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy, tools
from seatrial.errors import UsageError
from seatrial.runtimes._chromium import Chromium, PageError
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced, is_in_memory
from seatrial.runtimes._loopback import ISOLATION, Loopback

_PAGE = Path(__file__).parent / "_far" / "browser"
_LARGEST = (1 << 31) - 1  # of a model, and of one array: what a page can hold
# Software in place of a graphics card: there on every machine, right, and slow.
_FLAGS = {
    "wasm": ("--disable-gpu",),
    "webgl": ("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    "webgpu": ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"),
}
_SOFTWARE = "{} drew on SwiftShader, which is software: right, and far slower than a graphics card"
_NOT_ISOLATED = (
    "the page is not isolated (no COOP and COEP headers): it has one thread however many were asked for"
)
_FREE = (
    "; WebGL takes fixed shapes only: seatrial convert MODEL --to web --option batch=1, or the provider wasm"
)


class BrowserEngine(Engine):
    """A model in a page of a browser that lives and dies with this worker."""

    def __init__(self) -> None:
        self.notes = []
        self._browser: Chromium | None = None
        found = tools.find("onnxruntime-web")
        self._library = f"with onnxruntime-web {found.version}" if found else "without onnxruntime-web"

    def version(self) -> str:
        """See `Engine.version`."""
        return self._library

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        paddle = task.format == "paddlejs"
        self._provider = str(task.engine.get("provider") or ("webgl" if paddle else "wasm"))
        self._model = _model_of(task, self._provider)
        tool = tools.require("paddlejs" if paddle else "onnxruntime-web")
        program = tools.require("chromium").path
        self._browser = Chromium(program, Path(task.scratch), _FLAGS[self._provider])
        library = f"Paddle.js {tool.version}" if paddle else f"onnxruntime-web {tool.version}"
        self._library = f"{self._browser.version} with {library}"
        isolated = bool(task.engine.get("isolated", True))
        self._server = Loopback({"page": _PAGE, "library": tool.path}, ISOLATION if isolated else {})
        self._browser.open(f"{self._server.address}page/page.html")
        driver = "paddle" if paddle else "onnx"
        self._driver = f"{self._server.address}page/{driver}.mjs"
        self._told: dict[str, Any] = self._loaded()
        self._note()

    def _note(self) -> None:
        if self._provider != "wasm":
            self.notes.append(_SOFTWARE.format(self._provider))
        if not self._told["isolated"]:
            self.notes.append(_NOT_ISOLATED)
        if self._model.rows:
            self.notes.append(f"the model takes {self._model.rows} row at a time: batches go row by row")
        if self._task.precision != self._task.native:
            self.notes.append(
                f"{self._task.precision} was asked for; browsers run the graph as it is, "
                f"in {self._task.native}"
            )
        self.notes.append("browsers tell no optimized operators; times include the way into the page")

    def _loaded(self, graph: bytes = b"") -> Any:
        """Loads the model into the page, or `graph` in its place."""
        server, task, at = self._server, self._task, self._server.address
        if task.format == "paddlejs":
            server.folders["model"] = self._model.graph.parent
            return self._ask(
                "load",
                {
                    "scripts": _scripts(at),
                    "model": f"{at}model/",
                    "row": self._model.row,
                    "result": self._model.result,
                },
            )
        # Under the same name as before: the page fetches it once.
        server.offered = {"graph": graph} if graph else {}
        server.files = {"graph": self._model.graph} | {each.name: each for each in self._model.beside}
        return self._ask(
            "load",
            {
                "library": f"{at}library/ort.{self._provider}.min.mjs",
                "folder": f"{at}library/",
                "model": f"{at}graph",
                "beside": [{"path": each.name, "data": f"{at}{each.name}"} for each in self._model.beside],
                "provider": self._provider,
                "threads": task.threads,
                "optimize": task.optimize and not graph,
            },
        )

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        parts = list(_parts(feeds, self._model.rows))
        answers = [[array for _, array in self._run(part)] for part in parts]
        return (
            answers[0] if len(answers) == 1 else [np.concatenate(each) for each in zip(*answers, strict=True)]
        )

    def _run(self, feeds: Mapping[str, Array]) -> list[tuple[str, Array]]:
        server, told = self._server, []
        for place, (name, array) in enumerate(feeds.items()):
            if array.dtype.kind not in "biuf":
                raise UsageError(f"the page takes numbers, and '{name}' is {array.dtype}")
            server.offered[f"feed/{place}"] = np.ascontiguousarray(array).tobytes()
            told.append(
                {
                    "name": name,
                    "type": array.dtype.name,
                    "dims": list(array.shape),
                    "address": f"{server.address}feed/{place}",
                }
            )
        try:
            outputs = self._ask("run", told, f"{server.address}taken/")
        except PageError as error:
            fixed = self._provider == "webgl" and "expected shape" in str(error)
            raise PageError(f"{error}{_FREE if fixed else ''}") from error
        return [(each["name"], self._taken(place, each)) for place, each in enumerate(outputs)]

    def _taken(self, place: int, told: Mapping[str, Any]) -> Array:
        data = self._server.taken.pop(f"taken/{place}")
        return np.frombuffer(data, np.dtype(told["type"])).reshape(told["dims"])

    def trace(self, feeds: Mapping[str, Array]) -> list[Traced]:
        """See `Engine.trace`: the graph once more, with every value an output."""
        if self._task.format not in ("onnx", "web") or self._provider != "wasm":
            raise UsageError("a browser is traced with ONNX models and WebAssembly only")
        if self._model.rows and any(len(each) != self._model.rows for each in feeds.values()):
            raise UsageError("a model that takes one row at a time is traced with one row")
        onnx: Any = lazy.load("onnx", extra="onnx")
        model = onnx.load(str(self._model.graph), load_external_data=False)
        operators = {name: node.op_type for node in model.graph.node for name in node.output if name}
        constants = {name for node in model.graph.node if node.op_type == "Constant" for name in node.output}
        del model.graph.output[:]
        named = [name for name in operators if name not in constants]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in named)
        self._loaded(model.SerializeToString())
        try:
            traced = self._run(feeds)
        finally:
            self._loaded()
        return [Traced(name, operators[name], name, value) for name, value in traced]

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {"threads": self._told["threads"], "precision": self._task.native, "operators": {}}

    def _ask(self, name: str, *arguments: Any) -> Any:
        if self._browser is None:
            raise UsageError("no model is loaded")
        told = ", ".join(json.dumps(each) for each in arguments)
        try:
            answer = self._browser.evaluate(f'import("{self._driver}").then(driver => driver.{name}({told}))')
        except PageError as error:
            said = [each for each in self._browser.said() if each not in str(error)]
            raise PageError("; ".join([str(error), *said[-3:]])) from error
        wrong = self._browser.said()
        if wrong and self._task.format == "paddlejs":
            # It goes on after an operator that it does not have or cannot compile.
            raise PageError("; ".join(wrong[:3]))
        return answer


@dataclass(frozen=True)
class _Model:
    """What the page loads.

    Attributes:
        graph: Its graph file.
        beside: Files with weights that the graph names.
        rows: Rows that one run takes; 0 for any number.
        row: Shape of the input, where the page cannot tell.
        result: Shape of the output, where the page cannot tell.
    """

    graph: Path
    beside: tuple[Path, ...] = ()
    rows: int = 0
    row: tuple[int, ...] = ()
    result: tuple[int, ...] = ()


def _model_of(task: Task, provider: str) -> _Model:
    """What is loaded, once it is known that the provider takes it.

    Raises:
        UsageError: It does not.
    """
    providers = ("webgl",) if task.format == "paddlejs" else tuple(_FLAGS)
    if provider not in providers:
        raise UsageError(
            f"{task.format} models run on {' or '.join(providers)}, not on '{provider}'",
            hint="the switch `provider` names it",
        )
    if task.external or (is_in_memory(task.graph) and task.format in ("web", "paddlejs")):
        raise UsageError(
            "a model that is in memory only does not go into a page with files beside its graph",
            hint="unseal it into a folder, or take the .onnx model",
        )
    graph = Path(task.graph)
    if task.format == "paddlejs":
        row, result = _paddle_shapes(json.loads(graph.read_text("utf-8")))
        return _Model(graph, rows=1, row=row, result=result)
    if task.format == "web":
        told = json.loads(graph.read_text("utf-8"))
        if provider not in told["providers"]:
            raise UsageError(
                f"this model was made for {', '.join(told['providers'])}, not for {provider}",
                hint=f"make it again with the option providers={provider}; WebGL wants batch=1 too",
            )
        return _Model(graph.parent / told["model"]["file"], rows=told["rows"])
    beside = (Path(task.weights),) if task.weights and task.weights != task.graph else ()
    if sum(each.stat().st_size for each in (graph, *beside)) > _LARGEST:
        raise UsageError("a model over 2 GB does not fit into a page")
    return _Model(graph, beside)


def _paddle_shapes(told: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of input and output: they come as numbers in a row from the page."""
    variables = (
        told["vars"] if isinstance(told["vars"], dict) else {each["name"]: each for each in told["vars"]}
    )
    feed = told.get("feedShape") or {}
    row = variables.get("image", {}).get("shape") or [1, feed["fc"], feed["fh"], feed["fw"]]
    fetch = next(each for each in told["ops"] if each["type"] == "fetch")
    return tuple(row), tuple(variables[fetch["inputs"]["X"][0]]["shape"])


def _scripts(address: str) -> list[str]:
    return [f"{address}library/{name}/lib/index.js" for name in ("paddlejs-core", "paddlejs-backend-webgl")]


def _parts(feeds: Mapping[str, Array], rows: int) -> Iterator[dict[str, Array]]:
    """The batch, or its rows where the model takes so many at a time."""
    count = len(next(iter(feeds.values())))
    if not rows or count == rows:
        yield dict(feeds)
        return
    if count % rows:
        raise UsageError(f"the model takes batches of {rows}, and {count} rows are no multiple of it")
    for start in range(0, count, rows):
        yield {name: array[start : start + rows] for name, array in feeds.items()}


@dataclass(frozen=True)
class BrowserRuntime(Runtime):
    """A runtime that needs a browser and what runs models in it."""

    def available(self) -> bool:
        """Whether both are there; Paddle.js is asked for when a model of its own comes."""
        return all(tools.find(each) is not None for each in ("chromium", "onnxruntime-web"))

    def how_to_get(self) -> str:
        """The recipe of the first that is missing."""
        missing = [each for each in ("chromium", "onnxruntime-web") if tools.find(each) is None]
        return tools.how_to_get((missing or ["chromium"])[0])

    def version(self) -> str:
        """Of ONNX Runtime Web; that of the browser is told by its sessions."""
        found = tools.find("onnxruntime-web")
        return found.version if found else ""


RUNTIME = BrowserRuntime(
    name="browser",
    summary="headless Chromium: runs .onnx by ONNX Runtime Web, and Paddle.js; taken when it is named",
    formats=("onnx", "ort", "web", "paddlejs"),
    extra="onnx",
    module="numpy",
    distribution="numpy",
    engine=BrowserEngine,
    switches={"provider": str, "isolated": bool},
    tool="chromium",
    bounded=False,
    asked_only=True,
    twin="onnxruntime",
)
