"""The SDK for Java 17: pre- and postprocessing, an HTTP client, the model in process; no dependency."""

from __future__ import annotations

import json
from collections.abc import Iterator

from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._sdk_java.emit import feed_levels, pipeline_java
from seatrial.deliverables._sdk_java.sources import HERE, source, step_files
from seatrial.text import Text

FOLDER = "sdk/java"

_DEPENDENCY = """  <dependencies>
    <dependency>
      <groupId>com.microsoft.onnxruntime</groupId>
      <artifactId>onnxruntime</artifactId>
      <version>1.20.0</version>
    </dependency>
  </dependencies>
"""
HOW_TRIED = (
    "Seatrial's tests run this form with ONNX Runtime 1.31 through the Java classes of ONNX Runtime 1.21, "
    "built from their source; the published jar was not at hand. The last line above tries yours."
)
_INPROCESS = f"""
## In process

Get `onnxruntime` for Java (`com.microsoft.onnxruntime:onnxruntime`, 1.16 or later) and compile with it:

```text
javac -encoding UTF-8 -cp onnxruntime.jar -d build @sources-inprocess.txt
java -cp build:onnxruntime.jar seatrial.samples.inprocess.Single ../..
java -cp build:onnxruntime.jar seatrial.inprocess.GoldenTest ../..
```

{HOW_TRIED}

```java
try (Model model = new Model(Path.of("../.."))) {{
    System.out.println(model.predict(payload).toJson());
}}
```

On Linux, set `ORT_DISABLE_TELEMETRY=1` before the program starts if nothing shall be noted of the device.
"""
_NO_ONNX = """
The bundle holds no ONNX model, so there is no in-process form; ask the service.
"""
_ASK = {
    "image": 'Answer answer = client.predict(Pipeline.NAME, Path.of("../../samples/{file}"));',
    "text": 'Answer answer = client.predictText(Pipeline.NAME, "...");',
}


def _make(handover: Handover) -> Iterator[Item]:
    sources = _sources(handover)
    for path, text in sources.items():
        yield _java(f"src/{path}", text)
    in_process = handover.model("onnx") is not None
    plain = [each for each in sources if "/inprocess/" not in each]
    yield _plain("sources.txt", "".join(f"src/{each}\n" for each in plain))
    if in_process:
        yield _plain("sources-inprocess.txt", "".join(f"src/{each}\n" for each in sources))
    pom = _filled("pom.xml", handover).replace("@DEPENDENCIES@", _DEPENDENCY if in_process else "")
    yield Item(f"{FOLDER}/pom.xml", "sdk", pom.encode(), "application/xml")
    yield Item(
        f"{FOLDER}/README.md", "sdk", _readme(handover, in_process=in_process).encode(), "text/markdown"
    )


def _sources(handover: Handover) -> dict[str, str]:
    """Java files by their path under `src`."""
    contract = handover.contract
    steps = [call.name for call in (*contract.preprocess.calls, *contract.postprocess.calls)]
    rooms = {
        "core": "seatrial",
        "client": "seatrial/client",
        "test": "seatrial",
        "samples": "seatrial/samples",
    }
    rooms["samples/http"] = "seatrial/samples/http"
    if handover.model("onnx") is not None:
        rooms |= {"inprocess": "seatrial/inprocess", "samples/inprocess": "seatrial/samples/inprocess"}
    found = {"seatrial/Pipeline.java": pipeline_java(handover)}
    for room, package in rooms.items():
        for each in sorted((HERE / room).glob("*.java")):
            found[f"{package}/{each.name}"] = source(f"{room}/{each.name}")
    found |= {f"seatrial/steps/{name}.java": text for name, text in step_files(steps).items()}
    return dict(sorted(found.items()))


def _readme(handover: Handover, *, in_process: bool) -> str:
    first = handover.vectors[0] if handover.vectors else None
    kind = first.kind if first else "array"
    ask = _ASK.get(kind, "Answer answer = client.predictInputs(Pipeline.NAME, Map.of({name}, array));")
    ask = ask.replace("{file}", f"{first.name}{first.suffix}" if first else "")
    ask = ask.replace("{name}", json.dumps(handover.contract.inputs[0].name))
    answer = ""
    if first is not None:
        told = json.dumps(first.answer, ensure_ascii=False)
        answer = f"An answer looks like this: `{told if len(told) < 400 else told[:400] + '...'}`"
    row = "| `src/seatrial/inprocess/` | the model in this process, over ONNX Runtime |\n"
    changes = {
        "@COUNT@": str(len(handover.vectors)),
        "@AND_INPROCESS@": ", and the model in the same process" if in_process else "",
        "@ASK@": ask,
        "@ANSWER@": answer,
        "@INPROCESS_ROW@": row if in_process else "",
        "@EXACTNESS@": _exactness(handover),
        "@INPROCESS@": _INPROCESS if in_process else _NO_ONNX,
    }
    text = _filled("README.md", handover)
    for mark, value in changes.items():
        text = text.replace(mark, value)
    return text


def _exactness(handover: Handover) -> str:
    """What is known about the last bit of the steps that are used."""
    told = []
    levels = feed_levels(handover.contract.preprocess)
    if levels:
        told.append(
            f"OpenCV's resizing of this contract depends on the processor's instructions; prepared arrays "
            f"may differ by {levels:g} of 255 levels, which is what the golden test allows.\n"
        )
    names = {call.name for call in handover.contract.postprocess.calls}
    if names & {"softmax", "sigmoid"}:
        told.append("Probabilities may differ in the last bit: Java's exp is not NumPy's.\n")
    if "db_boxes" in names:
        told.append(
            "Text boxes are computed as OpenCV and Clipper do. On 600 drawn maps with crossing and cut "
            "shapes 7 had a box that differed, mostly by one pixel and all with an unclip ratio of 0.4; "
            "on pages none did.\n"
        )
    return "".join(told)


def _filled(name: str, handover: Handover) -> str:
    text = source(name)
    return text.replace("@NAME@", handover.name).replace("@VERSION@", handover.version)


def _java(path: str, text: str) -> Item:
    return Item(f"{FOLDER}/{path}", "sdk", text.encode(), "text/x-java")


def _plain(path: str, text: str) -> Item:
    return Item(f"{FOLDER}/{path}", "sdk", text.encode(), "text/plain")


DELIVERABLE = Deliverable(
    name="sdk_java",
    order=120,
    summary=Text("the SDK for Java programs", "Java 开发包"),
    make=_make,
)
