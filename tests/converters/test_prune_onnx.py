"""Pruned is what the model is when nobody listens to the channels that went: exactly, on drawn networks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.converters.prune_onnx import CONVERTER, analyze, positions, prune
from seatrial.errors import ModelError, UsageError
from seatrial.model import open_model

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper


class Net:
    """A network that grows layer by layer, with small whole numbers: sums of them are exact in any order."""

    def __init__(self, seed, channels=2, side=6):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], []
        self.value, self.channels, self.side = "x", channels, side
        self.inputs = [helper.make_tensor_value_info("x", 1, ["n", channels, side, side])]

    def constant(self, array, kind="float32"):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, kind), name))
        return name

    def whole(self, *shape):
        return self.constant(self.rng.integers(-3, 4, shape))

    def node(self, kind, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, list(inputs), [name], name=f"{kind}{len(self.nodes)}", **attributes)
        )
        return name

    def conv(self, channels, *, bias=True, group=1):
        weight = self.whole(channels, self.channels // group, 3, 3)
        extra = [self.whole(channels)] if bias else []
        self.value = self.node("Conv", self.value, weight, *extra, pads=[1, 1, 1, 1], group=group)
        self.channels = channels

    def depthwise(self):
        self.conv(self.channels, group=self.channels)

    def added_bias(self):
        self.value = self.node("Add", self.value, self.whole(1, self.channels, 1, 1))

    def normalized(self):
        # Variance 1 and no epsilon: exact.
        one = self.constant(np.ones(self.channels))
        scale, shift, mean = (self.whole(self.channels) for _ in range(3))
        self.value = self.node("BatchNormalization", self.value, scale, shift, mean, one, epsilon=0.0)

    def relu(self):
        self.value = self.node("Relu", self.value)

    def scaled(self):
        self.value = self.node("PRelu", self.value, self.whole(self.channels, 1, 1))

    def residual(self):
        before = self.value
        self.conv(self.channels)
        self.value = self.node("Add", self.value, before)

    def excited(self):
        """Squeeze and excite, in whole numbers."""
        before, channels = self.value, self.channels
        pooled = self.node("GlobalMaxPool", before)
        down = self.node("Conv", pooled, self.whole(2, channels, 1, 1))
        up = self.node("Conv", self.node("Relu", down), self.whole(channels, 2, 1, 1))
        self.value = self.node("Mul", before, self.node("Clip", up, self.constant(-2), self.constant(2)))

    def pooled(self):
        if self.side % 2 == 0:
            self.value = self.node("MaxPool", self.value, kernel_shape=[2, 2], strides=[2, 2])
            self.side //= 2

    def model(self, head, classes=3):
        size = self.channels * self.side**2
        if head == "flatten":
            row = self.node("Flatten", self.value)
        elif head == "reshape":
            row = self.node("Reshape", self.value, self.constant([-1, size], "int64"))
        elif head == "computed":
            batch = self.node(
                "Slice", self.node("Shape", self.value), *(self.constant([each], "int64") for each in (0, 1))
            )
            rest = -1 if size % 2 else size
            target = self.node("Concat", batch, self.constant([rest], "int64"), axis=0)
            row = self.node("Reshape", self.value, target, allowzero=0)
        else:
            row = self.node("Flatten", self.node("GlobalMaxPool", self.value))
            size = self.channels
        hidden = self.node("Relu", self.node("Gemm", row, self.whole(size, 8), self.whole(8)))
        self.node("Gemm", hidden, self.whole(classes, 8), self.whole(classes), transB=1)
        self.nodes[-1].output[0] = "y"
        outputs = [helper.make_tensor_value_info("y", 1, ["n", classes])]
        graph = helper.make_graph(self.nodes, "drawn", self.inputs, outputs, self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made, full_check=True)
        return made


LAYERS = ("depthwise", "added_bias", "normalized", "relu", "scaled", "residual", "excited", "pooled")


@st.composite
def networks(draw):
    net = Net(draw(st.integers(0, 10**6)))
    for _ in range(draw(st.integers(1, 3))):
        net.conv(draw(st.integers(2, 6)), bias=draw(st.booleans()))
        for layer in draw(st.lists(st.sampled_from(LAYERS), max_size=3)):
            getattr(net, layer)()
    return net.model(draw(st.sampled_from(["flatten", "reshape", "computed", "pool"])))


def run(model, x):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
        None, {"x": x}
    )[0]


def copied(model):
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def deafened(model, plans):
    """The model whose consumers multiply the channels that went by zero."""
    made = copied(model)
    constants, groups = analyze(made)
    gone = {each.group: each.gone for each in plans}
    for group in groups:
        for cut in group.cuts:
            if cut.takes and gone[group.name]:
                array = np.moveaxis(constants[cut.tensor].copy(), cut.axis, 0)
                array[positions(cut, gone[group.name])] = 0
                constants[cut.tensor] = np.moveaxis(array, 0, cut.axis)
    for place, each in enumerate(made.graph.initializer):
        made.graph.initializer[place].CopyFrom(
            numpy_helper.from_array(np.ascontiguousarray(constants[each.name]), each.name)
        )
    return made


@settings(max_examples=60)
@given(networks(), st.sampled_from([0.25, 0.5, 0.8]), st.sampled_from([1, 2, 8]), st.integers(0, 99))
def test_pruned_is_the_model_that_does_not_listen(model, sparsity, multiple, seed):
    x = np.random.default_rng(seed).integers(-2, 3, (2, 2, 6, 6)).astype("float32")
    pruned = copied(model)
    plans = prune(pruned, sparsity=sparsity, multiple=multiple)
    assert sum(len(each.gone) for each in plans) > 0 or multiple > 1
    onnx.checker.check_model(pruned, full_check=True)
    np.testing.assert_array_equal(run(pruned, x), run(deafened(model, plans), x))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("side", [3, 6])
@pytest.mark.parametrize("head", ["flatten", "reshape", "computed", "pool"])
def test_channels_in_front_of_every_kind_of_head_can_go(head, channels, side):
    net = Net(3, side=side)
    net.conv(channels)
    net.relu()
    plans = prune(net.model(head), sparsity=0.5, multiple=1)
    assert [bool(each.gone) for each in plans] == [True, True, False]
    assert "an output" in plans[-1].whole


def test_the_channels_of_the_smallest_filters_go_and_one_always_stays():
    net = Net(1)
    net.conv(4, bias=False)
    weight = numpy_helper.to_array(net.constants[-1]).copy()
    weight[:] = np.array([3, 1, 2, 4]).reshape(4, 1, 1, 1)
    net.constants[-1].CopyFrom(numpy_helper.from_array(weight, net.constants[-1].name))
    made = net.model("pool")
    assert prune(copied(made), sparsity=0.5, multiple=1)[0].gone == (1, 2)
    assert prune(copied(made), sparsity=0.99, multiple=1)[0].gone == (0, 1, 2)


@pytest.mark.parametrize(
    ("size", "sparsity", "staying"),
    [(16, 0.5, 8), (16, 0.2, 16), (24, 0.5, 16), (64, 0.2, 48), (8, 0.9, 8), (6, 0.5, 3), (20, 0.1, 16)],
)
def test_channels_stay_by_eights_where_there_are_so_many(size, sparsity, staying):
    net = Net(8)
    net.conv(size)
    plan = prune(net.model("pool"), sparsity=sparsity)[0]
    assert plan.size - len(plan.gone) == staying


@pytest.mark.parametrize("kind", ["Softmax", "Transpose", "Concat"])
def test_what_is_not_known_keeps_its_channels_and_says_so(kind):
    net = Net(2)
    net.conv(4)
    before = net.value
    more = {"Softmax": {"axis": 1}, "Transpose": {"perm": [0, 1, 3, 2]}, "Concat": {"axis": 1}}[kind]
    net.value = net.node(kind, *([before, before] if kind == "Concat" else [before]), **more)
    net.channels *= 2 if kind == "Concat" else 1
    plans = prune(net.model("pool"), sparsity=0.5, multiple=1)
    assert (plans[0].gone, plans[0].whole) == ((), kind)


def test_groups_are_kept_and_chosen_by_name():
    net = Net(4)
    for _ in range(2):
        net.conv(4)
    made = net.model("pool")
    names = [each.group for each in prune(copied(made), multiple=1)]
    assert [bool(each.gone) for each in prune(copied(made), multiple=1, keep=names[:1])][:2] == [False, True]
    assert [bool(each.gone) for each in prune(copied(made), multiple=1, only=names[:1])][:2] == [True, False]
    with pytest.raises(UsageError, match="there is no group nobody"):
        prune(copied(made), keep=["nobody"])
    with pytest.raises(UsageError, match="not of 0"):
        prune(copied(made), multiple=0)
    for wrong in (0.0, 1.0, -1.0):
        with pytest.raises(UsageError, match="between 0 and 1"):
            prune(copied(made), sparsity=wrong)


def test_the_converter_writes_a_model_and_leaves_the_source(tmp_path):
    net = Net(5)
    net.conv(6)
    net.relu()
    path = tmp_path / "net.onnx"
    onnx.save(net.model("flatten"), path)
    source = open_model(path)
    (tmp_path / "out").mkdir()
    told, half = [], {"sparsity": 0.5, "multiple": 1}
    graph = CONVERTER.make(source, tmp_path / "out", options=half, progress=told.append)
    made = open_model(graph)
    assert made.size < source.size
    assert [each.shape for each in made.outputs] == [each.shape for each in source.outputs]
    assert open_model(path).digest == source.digest
    assert "channels of 3 groups go" in told[0]
    again = tmp_path / "again"
    again.mkdir()
    CONVERTER.make(source, again, options=half, progress=told.append)
    assert (again / "net.onnx").read_bytes() == graph.read_bytes()


def test_a_model_without_a_channel_that_can_go_is_refused(tmp_path):
    net = Net(6)
    net.conv(4)
    net.value = net.node("Softmax", net.value, axis=1)
    net.nodes[-1].output[0] = "y"
    outputs = [helper.make_tensor_value_info("y", 1, ["n", 4, 6, 6])]
    graph = helper.make_graph(net.nodes, "drawn", net.inputs, outputs, net.constants)
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(ModelError, match=r"no channel can go .*Softmax"):
        CONVERTER.make(open_model(path), tmp_path, options={}, progress=print)


@given(networks())
def test_finding_the_groups_changes_no_answer(model):
    x = np.random.default_rng(0).integers(-2, 3, (2, 2, 6, 6)).astype("float32")
    seen = copied(model)
    analyze(seen)
    np.testing.assert_array_equal(run(seen, x), run(model, x))
