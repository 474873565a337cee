"""The families' own configuration files become contracts, and what is not understood is never skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seatrial import extensions
from seatrial.contract import (
    Contract,
    TensorSpec,
    contract_from_config,
    dump_contract,
    find_config,
    load_contract,
    save_contract,
)
from seatrial.contract.document import parse_contract
from seatrial.errors import ContractViolation, NotFound, SeatrialError, UsageError

F32 = "float32"
X = TensorSpec("x", F32, (None, 3, None, None))
MAP = TensorSpec("fetch_name_0", F32, (None, 1, None, None))

DET = """\
Global:
  model_name: harbor_det
Hpi:
  backend_configs:
    paddle_infer:
      trt_dynamic_shapes: &id001
        x:
        - - 1
          - 3
          - 32
          - 32
        - - 1
          - 3
          - 736
          - 736
    tensorrt:
      dynamic_shapes: *id001
PreProcess:
  transform_ops:
  - DecodeImage:
      channel_first: false
      img_mode: BGR
  - DetLabelEncode: null
  - DetResizeForTest:
      resize_long: 960
  - NormalizeImage:
      mean: [0.485, 0.456, 0.406]
      order: hwc
      scale: 1./255.
      std: [0.229, 0.224, 0.225]
  - ToCHWImage: null
  - KeepKeys:
      keep_keys: [image, shape, polys, ignore_tags]
PostProcess:
  name: DBPostProcess
  thresh: 0.3
  box_thresh: 0.6
  max_candidates: 1000
  unclip_ratio: 1.5
"""

REC = """\
Global: {model_name: harbor_rec}
PreProcess:
  transform_ops:
  - DecodeImage: {channel_first: false, img_mode: BGR}
  - MultiLabelEncode: {gtc_encode: NRTRLabelEncode}
  - RecResizeImg: {image_shape: [3, 48, 320]}
  - KeepKeys: {keep_keys: [image, label_ctc, label_gtc, length, valid_ratio]}
PostProcess:
  name: CTCLabelDecode
  character_dict: CHARACTERS
"""

CLAS = """\
Global:
  infer_imgs: images/1.jpeg
  inference_model_dir: ./models
  batch_size: 1
PreProcess:
  transform_ops:
    - ResizeImage:
        resize_short: 256
    - CropImage:
        size: 224
    - NormalizeImage:
        scale: 0.00392157
        mean: [0.485, 0.456, 0.406]
        std: [0.229, 0.224, 0.225]
        order: ''
        channel_num: 3
    - ToCHWImage:
PostProcess:
  main_indicator: Topk
  Topk:
    topk: 5
    class_id_map_file: "../ppcls/utils/ships.txt"
  SavePreLabel:
    save_dir: ./pre_label/
"""

INFER_CFG = """\
mode: paddle
draw_threshold: 0.4
metric: COCO
use_dynamic_shape: false
arch: YOLO
min_subgraph_size: 3
Preprocess:
- interp: 2
  keep_ratio: false
  target_size: [64, 96]
  type: Resize
- mean: [0.0, 0.0, 0.0]
  norm_type: none
  std: [1.0, 1.0, 1.0]
  type: NormalizeImage
- type: Permute
label_list: [tug, ferry]
"""

SEG = """\
Deploy:
  input_shape: [-1, 3, -1, -1]
  model: model.pdmodel
  output_dtype: int32
  output_op: argmax
  params: model.pdiparams
  transforms:
  - target_size: [64, 32]
    type: Resize
  - mean: [0.5, 0.5, 0.5]
    std: [0.5, 0.5, 0.5]
    type: Normalize
"""


SAMPLES = {"paddleocr": DET, "paddleclas": CLAS, "paddledetection": INFER_CFG, "paddleseg": SEG}


def test_each_reader_knows_its_own_files_and_no_others() -> None:
    readers = extensions.find("seatrial.contract.readers", "READER")
    assert set(readers) == set(SAMPLES), "a reader needs a sample of its family's file here"
    for name, reader in readers.items():
        assert reader.summary
        claimed = {each for each, text in SAMPLES.items() if reader.sniff(yaml.safe_load(text))}
        assert claimed == {name}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(
    folder: Path, text: str, inputs: Any = (X,), outputs: Any = (MAP,), *, name: str = "inference.yml"
) -> Contract:
    (folder / name).write_text(text, "utf-8")
    return contract_from_config(folder / name, inputs, outputs)


def steps(contract: Contract) -> list[str]:
    return [call.name for call in contract.preprocess.calls]


def options(contract: Contract, name: str) -> Any:
    calls = (*contract.preprocess.calls, *contract.postprocess.calls)
    return next(dict(call.options) for call in calls if call.name == name)


class TestDetectionOfText:
    def test_the_pipeline(self, folder: Path) -> None:
        contract = read(folder, DET)
        assert (contract.name, contract.task) == ("harbor_det", "text-detection")
        assert steps(contract) == ["decode_image", "resize_limit", "normalize", "transpose"]
        assert options(contract, "resize_limit") == {
            "side": 960,
            "limit": "long",
            "multiple": 128,
            "rounding": "up",
        }
        assert options(contract, "normalize")["scale"] == pytest.approx(1 / 255)
        assert options(contract, "db_boxes")["box_thresh"] == 0.6
        assert contract.inputs[0].layout == "NCHW"
        assert contract.inputs[0].low == pytest.approx(-0.485 / 0.229, abs=1e-3)
        assert contract.inputs[0].high == pytest.approx((1 - 0.406) / 0.225, abs=1e-3)
        feeds, context = contract.prepare(np.full((100, 200, 3), 255, np.uint8))
        assert feeds["x"].shape == (1, 3, 512, 1024)
        assert contract.answer([np.zeros((1, 1, 512, 1024), np.float32)], 0, context) == {
            "boxes": [],
            "scores": [],
        }

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("null", {"side": 736, "limit": "min", "multiple": 32}),
            ("{limit_side_len: 960, limit_type: max}", {"side": 960, "limit": "max", "multiple": 32}),
            ("{limit_side_len: 64, limit_type: min, max_side_limit: 4000}",
             {"side": 64, "limit": "min", "multiple": 32, "max_side": 4000}),
        ],
    )  # fmt: skip
    def test_the_limits_of_paddleocr(self, folder: Path, given: str, expected: Any) -> None:
        text = DET.replace("DetResizeForTest:\n      resize_long: 960", f"DetResizeForTest: {given}")
        assert options(read(folder, text), "resize_limit") == expected

    def test_a_fixed_shape(self, folder: Path) -> None:
        text = DET.replace("resize_long: 960", "image_shape: [640, 480]")
        assert options(read(folder, text), "resize")["size"] == (640, 480)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "ToCHWImage",
                "RandomFlip",
                r"inference.yml \(paddleocr\): the operation 'RandomFlip' is not known",
            ),
            ("resize_long: 960", "resize_longest: 960", "DetResizeForTest: option 'resize_longest: 960'"),
            ("resize_long: 960", "limit_side_len: 960\n      limit_type: mid", "limit_type 'mid'"),
            (
                "resize_long: 960",
                "limit_side_len: wide",
                "options of 'DetResizeForTest' cannot be understood",
            ),
            ("DBPostProcess", "EASTPostProcess", "postprocessing 'EASTPostProcess' is not known here"),
            ("thresh: 0.3", "box_type: poly", "only score_mode fast and box_type quad"),
            ("scale: 1./255.", "scale: __import__('os')", "is no number"),
            ("img_mode: BGR", "img_mode: YUV", "img_mode YUV"),
            ("0.224, 0.225]", "0.0, 0.225]", "std holds a zero"),
        ],
    )
    def test_what_is_not_known_is_named(self, folder: Path, old: str, new: str, message: str) -> None:
        assert old in DET
        with pytest.raises(ContractViolation, match=message):
            read(folder, DET.replace(old, new, 1))

    def test_two_inputs_are_one_too_many(self, folder: Path) -> None:
        with pytest.raises(ContractViolation, match="one input, and the graph has: x, y"):
            read(folder, DET, (X, TensorSpec("y", F32, (None,))))


class TestRecognitionOfText:
    # As PyYAML writes a dictionary of more than 6,000 lines, awkward characters among them.
    characters = (
        "!",
        "#",
        "~",
        "'",
        '"',
        "\\",
        "-",
        "\u3000",
        "1",
        "null",
        *map(chr, range(0x4E00, 0x4E00 + 6500)),
    )

    def text(self) -> str:
        tree = yaml.safe_load(REC)
        tree["PostProcess"]["character_dict"] = list(self.characters)
        return str(yaml.safe_dump(tree, allow_unicode=True))

    def test_a_dictionary_of_thousands(self, folder: Path) -> None:
        outputs = (TensorSpec("o", F32, (None, None, len(self.characters) + 2)),)
        contract = read(folder, self.text(), outputs=outputs)
        assert contract.labels == self.characters
        assert options(contract, "ctc_decode") == {"blank": 0, "space": True}
        assert steps(contract) == ["decode_image", "resize_width", "normalize", "transpose", "pad"]
        feeds, context = contract.prepare(np.zeros((24, 60, 3), np.uint8))
        assert feeds["x"].shape == (1, 3, 48, 320)
        assert feeds["x"][0, 0, 0, [0, 119, 120]].tolist() == [-1, -1, 0], "the padding is the middle gray"
        scores = np.zeros((1, 2, len(self.characters) + 2), np.float32)
        scores[0, 0, 8], scores[0, 1, -1] = 0.9, 0.8
        assert contract.answer([scores], 0, context)["text"] == "\u3000 "

    def test_saved_with_the_dictionary_in_a_file_of_its_own(self, folder: Path) -> None:
        contract = read(folder, self.text(), outputs=(TensorSpec("o", F32, (None, None, None)),))
        save_contract(contract, folder / "out" / "contract.yaml")
        assert load_contract(folder / "out" / "contract.yaml") == contract
        assert (folder / "out" / "labels.txt").read_text("utf-8").split("\n")[:-1] == list(self.characters)
        assert (folder / "out" / "contract.yaml").stat().st_size < 2000

    def test_a_dictionary_of_another_model(self, folder: Path) -> None:
        with pytest.raises(ContractViolation, match="gives 100 classes, and the dictionary makes 6512"):
            read(folder, self.text(), outputs=(TensorSpec("o", F32, (None, None, 100)),))

    def test_no_space_when_the_model_has_no_class_for_it(self, folder: Path) -> None:
        contract = read(
            folder, REC.replace("CHARACTERS", "[a, b]"), outputs=(TensorSpec("o", F32, (None, None, 3)),)
        )
        assert options(contract, "ctc_decode")["space"] is False

    def test_plain_yaml_words_become_characters_again(self, folder: Path) -> None:
        contract = read(
            folder, REC.replace("CHARACTERS", "[~, 1, a]"), outputs=(TensorSpec("o", F32, (None, 5)),)
        )
        assert contract.labels == ("~", "1", "a")
        with pytest.raises(ContractViolation, match="must be a list of texts"):
            read(folder, REC.replace("CHARACTERS", "[yes]"), outputs=(TensorSpec("o", F32, (None, 3)),))


class TestClassification:
    inputs = (TensorSpec("x", F32, (None, 3, 224, 224)),)
    outputs = (TensorSpec("p", F32, (None, 3)),)

    def test_the_pipeline_and_the_labels_beside_it(self, folder: Path) -> None:
        (folder / "ships.txt").write_text("0 tug, towboat\n1 crane\n2 crane\n")
        contract = read(folder, CLAS, self.inputs, self.outputs, name="inference_cls.yaml")
        assert contract.labels == ("tug, towboat", "crane", "crane")
        assert steps(contract) == ["decode_image", "resize_short", "crop", "normalize", "transpose"]
        assert contract.preprocess.calls[0].options == {"color": "RGB"}
        feeds, context = contract.prepare(np.zeros((300, 400, 3), np.uint8))
        answer = contract.answer([np.array([[0.2, 0.7, 0.1]], np.float32)], 0, context)
        assert feeds["x"].shape == (1, 3, 224, 224)
        assert (answer["class"], answer["index"], len(answer["top"])) == ("crane", 1, 3)

    def test_a_label_file_that_is_not_there(self, folder: Path) -> None:
        with pytest.raises(ContractViolation, match=r"no 'ships\.txt' beside it"):
            read(folder, CLAS, self.inputs, self.outputs)

    @pytest.mark.parametrize("lines", ["0 tug\n2 crane\n", "0 tug\n0 crane\n", "1 tug\n2 crane\n"])
    def test_a_label_file_with_holes(self, folder: Path, lines: str) -> None:
        (folder / "ships.txt").write_text(lines)
        with pytest.raises(ContractViolation, match=r"occurs twice|occur twice|is missing"):
            read(folder, CLAS, self.inputs, self.outputs)

    def test_paddlex_writes_the_labels_inline(self, folder: Path) -> None:
        text = CLAS.replace('class_id_map_file: "../ppcls/utils/ships.txt"', "label_list: [tug, ferry]")
        assert read(folder, text, self.inputs, self.outputs).labels == ("tug", "ferry")

    def test_sizes_are_width_first(self, folder: Path) -> None:
        text = CLAS.replace(
            "resize_short: 256", "size: [192, 48]\n        backend: pil\n        interpolation: bicubic"
        )
        text = text.replace('    class_id_map_file: "../ppcls/utils/ships.txt"\n', "")
        contract = read(
            folder, text.replace("    - CropImage:\n        size: 224\n", ""), self.inputs, self.outputs
        )
        assert options(contract, "resize") == {
            "size": (48, 192),
            "interpolation": "cubic",
            "library": "pillow",
        }

    def test_a_threshold(self, folder: Path) -> None:
        text = CLAS[: CLAS.index("PostProcess")] + (
            "PostProcess:\n  main_indicator: ThreshOutput\n"
            "  ThreshOutput: {threshold: 0.9, label_0: ashore, label_1: afloat}\n"
        )
        contract = read(folder, text, self.inputs, self.outputs)
        assert contract.labels == ("ashore", "afloat")
        assert options(contract, "threshold") == {"at": 0.9}

    def test_another_postprocessing_is_named(self, folder: Path) -> None:
        text = CLAS.replace("main_indicator: Topk", "main_indicator: VehicleAttribute")
        with pytest.raises(ContractViolation, match="'VehicleAttribute' is not known here"):
            read(folder, text, self.inputs, self.outputs)


class TestDetection:
    image = TensorSpec("image", F32, (None, 3, 64, 96))
    inputs = (
        TensorSpec("im_shape", F32, (None, 2)), image, TensorSpec("scale_factor", F32, (None, 2)),
    )  # fmt: skip
    outputs = (TensorSpec("boxes", F32, (None, 6)), TensorSpec("count", "int32", (None,)))

    def test_the_pipeline_feeds_every_input(self, folder: Path) -> None:
        contract = read(folder, INFER_CFG, self.inputs, self.outputs, name="infer_cfg.yml")
        assert (contract.task, contract.labels) == ("detection", ("tug", "ferry"))
        assert [spec.layout for spec in contract.outputs] == ["DV", "N"]
        assert options(contract, "resize")["interpolation"] == "cubic"
        feeds, context = contract.prepare(np.full((32, 24, 3), 255, np.uint8))
        assert feeds["image"].max() == 1
        assert feeds["im_shape"].tolist() == [[64, 96]]
        assert feeds["scale_factor"].tolist() == [[2, 4]]
        rows = np.array([[1, 0.9, 0, 0, 99, 10], [0, 0.3, 0, 0, 1, 1]], np.float32)
        answer = contract.answer([rows, np.array([2], np.int32)], 0, context)
        assert answer["classes"] == ["ferry"]
        assert answer["boxes"] == [[0, 0, 24, 10]]

    def test_one_input_needs_no_feed(self, folder: Path) -> None:
        assert "feed" not in steps(read(folder, INFER_CFG, (self.image,), self.outputs))

    def test_strides_and_other_inputs(self, folder: Path) -> None:
        text = INFER_CFG.replace("- type: Permute", "- type: Permute\n- stride: 32\n  type: PadStride")
        contract = read(folder, text, self.inputs, self.outputs)
        assert options(contract, "pad") == {"axes": (1, 2), "multiple": 32}
        with pytest.raises(ContractViolation, match="known are one image"):
            read(folder, INFER_CFG, (*self.inputs, TensorSpec("depth", F32, (None,))), self.outputs)

    def test_an_export_without_suppression_is_named(self, folder: Path) -> None:
        raw = (TensorSpec("boxes", F32, (None, 8400, 4)), TensorSpec("scores", F32, (None, 80, 8400)))
        with pytest.raises(ContractViolation, match="not rows of"):
            read(folder, INFER_CFG, self.inputs, raw)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("type: Resize", "type: LetterBoxResize", "'LetterBoxResize' is not known here"),
            ("norm_type: none", "norm_type: min_max", "norm_type 'min_max'"),
            ("interp: 2", "interp: 9", "interpolation 9"),
            ("- type: Permute", "- {}", "operation without a type"),
        ],
    )
    def test_what_is_not_known_is_named(self, folder: Path, old: str, new: str, message: str) -> None:
        with pytest.raises(ContractViolation, match=message):
            read(folder, INFER_CFG.replace(old, new), self.inputs, self.outputs)


class TestSegmentation:
    outputs = (TensorSpec("classes", "int32", (None, None, None)),)

    def test_the_pipeline_and_the_way_back(self, folder: Path) -> None:
        contract = read(folder, SEG, outputs=self.outputs, name="deploy.yaml")
        assert options(contract, "resize")["size"] == (32, 64), "PaddleSeg writes the width first"
        feeds, context = contract.prepare(np.full((10, 20, 3), 255, np.uint8))
        assert feeds["x"].shape == (1, 3, 32, 64)
        assert feeds["x"].max() == 1
        classes = np.zeros((1, 32, 64), np.int32)
        classes[:, :, 32:] = 1
        mask = np.array(contract.answer([classes], 0, context)["mask"])
        assert mask.shape == (10, 20)
        assert mask[:, 10:].all()
        assert not mask[:, :10].any()

    def test_what_is_not_known_is_named(self, folder: Path) -> None:
        with pytest.raises(ContractViolation, match="'RandomDistort' is not known here"):
            read(folder, SEG.replace("type: Resize", "type: RandomDistort"), outputs=self.outputs)


def test_the_configuration_beside_a_model_is_found(folder: Path) -> None:
    assert find_config(folder) is None
    (folder / "deploy.yaml").write_text(SEG)
    assert find_config(folder) == folder / "deploy.yaml"
    (folder / "inference.yml").write_text(DET)
    with pytest.raises(UsageError, match=r"several configurations: inference.yml, deploy.yaml"):
        find_config(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services: {}", "inference.yml is not known here; it holds: services"),
        ("[1]", "holds no names and values"),
        ("a: [", "no valid YAML"),
        ("Deploy: {transforms: {}}\nx: !!python/object/apply:os.system [id]", "read as tag:yaml.org"),
    ],
)
def test_a_file_of_no_family(folder: Path, text: str, message: str) -> None:
    with pytest.raises(ContractViolation, match=message):
        read(folder, text)


def test_no_file_at_all(folder: Path) -> None:
    with pytest.raises(NotFound):
        contract_from_config(folder / "inference.yml", (X,), (MAP,))


leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text(max_size=4)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(data=st.data(), which=st.sampled_from([DET, REC.replace("CHARACTERS", "[a]"), CLAS, INFER_CFG, SEG]))
def test_any_value_anywhere_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: Any, which: str
) -> None:
    tree = yaml.safe_load(which)
    node, keys = tree, []
    while isinstance(node, dict | list) and node and (not keys or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        keys.append((node, key))
        node = node[key]
    parent, key = keys[-1]
    parent[key] = data.draw(values)
    path = tmp_path_factory.getbasetemp() / "changed.yml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8")
    try:
        contract = contract_from_config(path, (X,), (MAP,))
    except SeatrialError:
        return
    assert parse_contract(dump_contract(contract), root=path.parent) == contract
