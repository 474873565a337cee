"""`--fold-pipeline` on real models: one file answers as the pipeline beside it does, in JavaScript too."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont

from seatrial import lazy, tools
from seatrial.cli.main import seatrial
from seatrial.contract import Contract, Sample, feeds_of, load_contract, read_held_out
from seatrial.converters import convert, fold
from seatrial.errors import UnsupportedModel
from seatrial.model import open_model
from seatrial.runtimes import open_session

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
NO_EXTENSIONS = pytest.mark.skipif(
    not lazy.installed("onnxruntime_extensions"),
    reason="needs onnxruntime-extensions: pip install 'seatrial[fold]'",
)
LINES = (
    "Seatrial 模型出海",
    "hello, world!",
    "识别 12345",
    "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十",
)
JAVASCRIPT = """
import fs from 'node:fs';
const [dist, request] = process.argv.slice(2);
const ort = await import(dist + '/ort.node.min.mjs');
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';
const {graph, name, type, shape, data} = JSON.parse(fs.readFileSync(request));
const session = await ort.InferenceSession.create(fs.readFileSync(graph));
const values = type === 'string' ? data : type === 'uint8' ? Uint8Array.from(data) : Float32Array.from(data);
const outputs = await session.run({[name]: new ort.Tensor(type, values, shape)});
const plain = (each) => Array.from(each).map((x) => (typeof x === 'bigint' ? Number(x) : x));
const told = Object.fromEntries(session.outputNames.map((each) => [each, plain(outputs[each].data)]));
console.log(JSON.stringify(told));
"""


def in_javascript(graph: Path, folder: Path, **feed: Any) -> dict[str, Any]:
    """What the model answers in Node, by ONNX Runtime's WebAssembly."""
    side = tools.find("onnxruntime-web")
    if side is None or not shutil.which("node"):
        pytest.skip("node or onnxruntime-web is missing: seatrial doctor onnxruntime-web")
    script, request = folder / "ask.mjs", folder / "request.json"
    script.write_text(JAVASCRIPT, "utf-8")
    request.write_text(json.dumps({"graph": str(graph), **feed}), "utf-8")
    done = subprocess.run(
        ["node", str(script), str(side.path), str(request)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def answered(folder: Path, payload: Any) -> Any:
    """What the folded model in a folder answers here."""
    contract = load_contract(folder / "contract.yaml")
    with open_session(open_model(folder)) as session:
        feeds, context = contract.prepare(payload)
        return contract.answer(session.run(feeds), 0, context)


def test_digits_from_the_command_line(tmp_path: Path, digits: Path) -> None:
    model, data = str(digits / "model"), str(digits / "held_out.npz")
    contract = str(ROOT / "examples" / "digits" / "contract.yaml")
    words = ["convert", model, "--to", "onnx", "--contract", contract, "--data", data, "--fold-pipeline"]
    done = CliRunner().invoke(seatrial, [*words, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "64 samples answered alike, numbers within " in done.stdout
    made = load_contract(tmp_path / "out" / "contract.yaml")
    assert made.inputs[0].shape[0] == "batch"
    held_out = read_held_out(digits / "held_out.npz", contract=load_contract(Path(contract)), limit=5)
    images = np.stack([np.asarray(each.payload) for each in held_out])
    with open_session(open_model(tmp_path / "out")) as session:
        outputs = session.run({made.inputs[0].name: images})
    assert outputs[0].shape == (5,)
    image = images[0]
    here = made.answer(outputs, 0, made.context())
    there = in_javascript(
        tmp_path / "out" / "inference.onnx",
        tmp_path,
        name=made.inputs[0].name,
        type="float32",
        shape=[1, *image.shape],
        data=image.ravel().tolist(),
    )
    assert there["class"] == [here["class"]]
    assert there["confidence"][0] == pytest.approx(here["confidence"], abs=1e-5)


def test_reviews_from_text(tmp_path: Path, reviews: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(reviews / "model", source)
    shutil.copy(ROOT / "examples" / "reviews" / "contract.yaml", source)
    contract = load_contract(source / "contract.yaml")
    held_out = read_held_out(reviews / "held_out.jsonl", contract=contract, limit=60)
    plain = convert(open_model(source), "onnx", tmp_path / "plain", samples=feeds_of(contract, held_out)[:8])
    odd = [Sample("empty", ""), Sample("wide", "ＡＢ　ｃ！"), Sample("long", "好" * 700)]
    made = fold(plain.artifact, contract, tmp_path / "out", samples=[*held_out, *odd])
    assert made.compared == 63
    assert made.difference < 1e-6
    assert made.contract.inputs[0].dtype == "string"
    text = "质量太差了，退货！"
    here = answered(tmp_path / "out", text)
    there = in_javascript(made.artifact.graph, tmp_path, name="text", type="string", shape=[1], data=[text])
    assert there["class"] == [here["class"]]
    assert there["top_class"] == [each["class"] for each in here["top"]]


def picture(line: str, font: Path, kind: str) -> bytes:
    """A line of text as a picture."""
    letters = ImageFont.truetype(str(font), 30)
    paper = Image.new("RGB", (int(letters.getlength(line)) + 20, 52), (250, 246, 240))
    ImageDraw.Draw(paper).text((10, 4), line, fill=(20, 20, 60), font=letters)
    with io.BytesIO() as stream:
        paper.save(stream, kind)
        return stream.getvalue()


def ocr(name: str, ppocr: Path, folder: Path) -> tuple[Path, Contract]:
    """A model of PP-OCR and its contract."""
    files = {
        "cls": "ch_ppocr_mobile_v2.0_cls_infer",
        "rec": "ch_PP-OCRv4_rec_infer",
        "det": "ch_PP-OCRv4_det_infer",
    }
    shutil.copy(ROOT / "examples" / "ppocr" / f"{name}.contract.yaml", folder / "contract.yaml")
    shutil.copy(ppocr / "rapidocr_paddle" / "ch_ppocr_rec" / "ppocr_keys_v1.txt", folder)
    models = ppocr / "rapidocr_onnxruntime" / "models"
    return models / f"{files[name]}.onnx", load_contract(folder / "contract.yaml")


@NO_EXTENSIONS
@pytest.mark.parametrize("name", ["cls", "rec"])
def test_text_lines_from_files(name: str, tmp_path: Path, ppocr: Path, chinese_font: Path) -> None:
    graph, contract = ocr(name, ppocr, tmp_path)
    samples = [
        Sample(f"{place}.{kind}", picture(line, chinese_font, kind))
        for place, line in enumerate(LINES)
        for kind in ("PNG", "JPEG")
    ]
    made = fold(open_model(graph), contract, tmp_path / "out", samples=samples)
    assert made.compared == 2 * len(LINES)
    assert made.difference < 1e-5
    assert any(note.startswith(f"of {len(LINES)} JPEGs as they are, ") for note in made.notes)
    if name == "rec":
        assert answered(tmp_path / "out", samples[2].payload)["text"] == "hello, world!"


def test_text_lines_from_pixels_in_javascript(tmp_path: Path, ppocr: Path, chinese_font: Path) -> None:
    graph, contract = ocr("rec", ppocr, tmp_path)
    line = picture(LINES[0], chinese_font, "PNG")
    made = fold(
        open_model(graph), contract, tmp_path / "out", samples=[Sample("line.png", line)], given="pixels"
    )
    assert (
        "custom domains" not in made.artifact.metadata
        or "extensions" not in made.artifact.metadata["custom domains"]
    )
    here = answered(tmp_path / "out", line)
    feeds, _ = made.contract.prepare(line)
    pixels = feeds["image"]
    there = in_javascript(
        made.artifact.graph,
        tmp_path,
        name="image",
        type="uint8",
        shape=list(pixels.shape),
        data=pixels.ravel().tolist(),
    )
    assert there["text"] == [here["text"]]


@NO_EXTENSIONS
def test_detection_ends_before_its_contours(tmp_path: Path, ppocr: Path, chinese_font: Path) -> None:
    graph, contract = ocr("det", ppocr, tmp_path)
    with pytest.raises(
        UnsupportedModel, match="step 'db_boxes' of the postprocessing cannot be folded"
    ) as caught:
        fold(open_model(graph), contract, tmp_path / "out", samples=[])
    assert "--fold pre" in caught.value.hint
    assert not (tmp_path / "out").exists()
    line = Sample("line.png", picture(LINES[0], chinese_font, "PNG"))
    made = fold(open_model(graph), contract, tmp_path / "out", samples=[line], part="pre")
    assert [call.name for call in made.contract.postprocess.calls] == ["note", "db_boxes"]
    assert len(answered(tmp_path / "out", line.payload)["boxes"]) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "openvino"], "folded into an ONNX graph, not into openvino"),
        (["--to", "onnx", "--contract", "bare.yaml"], "no pipeline to fold"),
    ],
    ids=["other format", "no pipeline"],
)
def test_what_is_asked_for_wrongly(
    words: list[str], told: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "examples" / "digits" / "contract.yaml").read_text("utf-8")
    bare = text.replace("  - cast: {dtype: float32}\n", "").replace("  - topk: {k: 3}\n", "")
    Path("bare.yaml").write_text(
        bare.replace("preprocess:", "preprocess: []").replace("postprocess:", "postprocess: []")
    )
    command = ["convert", str(digits / "model"), *words, "--fold-pipeline", "-o", "out"]
    done = CliRunner().invoke(seatrial, command)
    assert done.exit_code != 0
    assert told in str(done.exception)
    assert not Path("out").exists()
