"""MNN (`.mnn`): graph and weights as FlatBuffers without a mark of their own.

Field numbers are those of MNN.fbs (3.x): Net {0 bizCode, 3 oplists, 4 outputName, 7 tensorName, 11 mnn_uuid},
Op {1 kind of main, 2 main, 3 name, 0 inputIndexes, 4 outputIndexes, 5 type}, Input {0 dims, 1 dtype}.
"""

from __future__ import annotations

from pathlib import Path

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, is_regular, mapped, size_of
from seatrial.model.formats._flatbuffer import Table
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import MAX_OPERATORS, Graph

# OpType of MNN.fbs, by number; a few newer ones have numbers far behind.
_NAMES = (
    "AbsVal QuantizedAdd ArgMax AsString InstanceNorm BatchToSpaceND Bias BinaryOp Bnll Cast Concat "
    "Const Convolution ConvolutionDepthwise Crop CropAndResize Cubic Deconvolution "
    "DeconvolutionDepthwise Dequantize DetectionOutput Dropout Eltwise ELU Unique Exp ExpandDims Fill "
    "Flatten FloorMod Gather GatherV2 Im2Seq InnerProduct Input Interp Log LRN LSTM MatMul MVN "
    "NonMaxSuppression NonMaxSuppressionV2 Normalize Pack Padding Permute Pooling Power PReLU PriorBox "
    "Proposal QuantizedAvgPool QuantizedBiasAdd QuantizedConcat QuantizedDepthwiseConv2D "
    "QuantizedLogistic QuantizedMatMul QuantizedMaxPool QuantizedRelu QuantizedRelu6 QuantizedReshape "
    "QuantizedSoftmax QuantizeMaxMin QuantizeV2 Range Rank ReduceJoin Reduction ReLU ReLU6 "
    "RequantizationRange Requantize Reshape Resize RNN ROIPooling Scale Selu Seq2Out Shape Sigmoid Size "
    "Slice SliceTf Softmax SpaceToBatchND SpatialProduct Split Segment Squeeze StridedSlice StringJoin "
    "StringSplit StringToNumber TanH TfQuantizedConv2D Threshold Tile TopKV2 Transpose UnaryOp Unpack "
    "Where Moments RNNSequenceGRU BatchMatMul Unsqueeze CosineSimilarity DepthToSpace SpaceToDepth "
    "ReverseSequence Pooling3D Convolution3D MatrixBandPart GatherND DetectionPostProcess UnravelIndex "
    "ScatterNd OneHot BroadcastTo Dilation2D"
)
_TYPES = _NAMES.split()
_LATER = {
    128: "Raster", 129: "ConvertTensor", 130: "ArgMin", 131: "LinSpace", 132: "RandomUniform", 142: "Reverse",
    256: "Plugin", 257: "Select", 258: "ZerosLike", 512: "Extra", 513: "ConvInt8", 514: "Int8ToFloat",
    515: "DepthwiseConvInt8", 516: "PoolInt8", 517: "FloatToInt8", 518: "EltwiseInt8", 600: "While",
    601: "If", 603: "LayerNorm", 604: "GridSample",
}  # fmt: skip
# DataType of Type.fbs.
_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 9: "int64",
    10: "bool", 14: "bfloat16", 17: "uint16", 19: "float16",
}  # fmt: skip
_INPUT = 34
_CONSTANTS = frozenset({"Const"})
_MARKED = (b"TFL3", b"ET12", b"ORTM")  # other models in FlatBuffers name themselves behind the first offset


def sniff(path: Path) -> bool:
    """Whether the file is FlatBuffers whose root has what a `Net` has: operators and names of tensors."""
    start = head(path, 8)
    if len(start) < 8 or start[4:] in _MARKED or not is_regular(path):
        return False
    root = int.from_bytes(start[:4], "little")
    if not 4 < root < 4096:
        return False
    try:
        with mapped(path) as data:
            net = Table.root(data)
            return net.count(3) > 0 and net.count(7) > 0 and bool(net.texts(4)) and _has_input(net)
    except Exception:  # noqa: BLE001 - sniffing never raises
        return False


def _has_input(net: Table) -> bool:
    return any(each.integer(5) == _INPUT for each in net.tables(3))


def read(path: Path) -> Artifact:
    """The artifact of an `.mnn` file; its weights lie in its operators and are not read."""
    files = [ModelFile(path, "graph", size_of(path))]
    weights = path.with_name(f"{path.name}.weight")
    if is_regular(weights):
        files.append(ModelFile(weights, "parameters", size_of(weights)))
    try:
        with mapped(path) as data:
            graph = _graph(Table.root(data))
    except Garbled as error:
        return broken(path, error, format_name="mnn", files=files)
    return assemble(path, graph, format_name="mnn", files=files, parameters=(), problems=())


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of an `.mnn` file; what they are set to is not read."""
    with mapped(path) as data:
        return _graph(Table.root(data)).operators


def _graph(net: Table) -> Graph:
    names = net.texts(7)
    inputs: list[TensorSpec] = []
    found: list[Operator] = []
    for index, each in enumerate(net.tables(3)):
        if index > MAX_OPERATORS:
            raise Garbled(f"more than {MAX_OPERATORS:,} operators")
        if each.integer(5) == _INPUT:
            inputs.append(_input(each, names))
            continue
        kind = type_of(each.integer(5))
        each.table(2)  # what it is set to has to be there
        if kind not in _CONSTANTS:
            taken, made = (_named(each.integers(field), names) for field in (0, 4))
            found.append(Operator(each.text(3) or f"{kind}:{index}", kind, {}, taken, made))
    outputs = net.texts(4)
    if not inputs or not outputs:
        raise Garbled("the graph has no input or no output")
    return Graph(
        version="MNN",
        inputs=tuple(inputs),
        # Types and shapes of outputs are not recorded.
        outputs=tuple(TensorSpec(name, "", ()) for name in outputs),
        operators=tuple(found),
        metadata={
            "outputs": "by name; dtypes and shapes are not recorded",
            **{key: text for key, text in (("made for", net.text(0)), ("id", net.text(11))) if text},
        },
    )


def type_of(number: int) -> str:
    """The name of a type of operator; its number where it is newer than what is known."""
    return _TYPES[number] if 0 <= number < len(_TYPES) else _LATER.get(number, f"type {number}")


def _input(op: Table, names: tuple[str, ...]) -> TensorSpec:
    main = op.table(2)
    dims = main.integers(0) if main is not None else ()
    code = main.integer(1, default=1) if main is not None else 0
    name = next(iter(_named(op.integers(4), names)), "") or op.text(3)
    shape = tuple(None if each < 0 else each for each in dims)
    return TensorSpec(name, _DTYPES.get(code, f"dtype {code}"), shape)


def _named(indices: tuple[int, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    if any(not 0 <= each < len(names) for each in indices):
        raise Garbled(f"an operator refers to a tensor that is none of {len(names)}")
    return tuple(names[each] for each in indices)


FORMAT = Format(
    name="mnn",
    summary="MNN: graph and weights for phones (.mnn)",
    suffixes=(".mnn",),
    sniff=sniff,
    read=read,
    operators=operators,
)
