from itertools import pairwise

import numpy as np
import pytest

from seatrial.runtimes import OperatorOutput, first_divergence, tensor_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 16)).astype("float32")
WEIGHTS = [RNG.normal(size=(16, 16)).astype("float32") / 4 for _ in range(6)]


def trace(*, broken=None, names="op{}", hidden=(), batch_axis=False, scale=1.5):
    """Six layers; `broken` scales one of them, `hidden` ones were fused away."""
    x, seen = X, []
    for i, weight in enumerate(WEIGHTS):
        x = np.tanh(x @ weight) * (scale if i == broken else 1)
        if i not in hidden:
            label = names.format(i)
            seen.append(OperatorOutput(label, "matmul", f"t{i}", x[:, None] if batch_axis else x))
    return seen


@pytest.mark.parametrize("layer", range(6))
def test_the_same_graph_names_the_operator_exactly(layer):
    found = first_divergence(trace(), trace(broken=layer))
    assert found.aligned_by == "label"
    assert found.first.label == f"op{layer}"
    assert (found.last_good.label if layer else found.last_good) == (f"op{layer - 1}" if layer else None)


@pytest.mark.parametrize("layer", range(6))
def test_another_graph_is_aligned_by_what_it_computes(layer):
    found = first_divergence(trace(), trace(broken=layer, names="node_{}", batch_axis=True))
    assert found.aligned_by == "equality"
    assert found.first.label == f"op{layer}"


@pytest.mark.parametrize(("layer", "last_good"), [(2, 0), (4, 2)])
def test_fused_operators_leave_the_segment(layer, last_good):
    found = first_divergence(trace(), trace(broken=layer, names="n{}", hidden=(1, 3)))
    assert found.last_good.label == f"op{last_good}"
    assert found.first.label in (f"op{layer - 1}", f"op{layer}")


def test_a_hidden_fault_is_named_at_the_first_tensor_that_shows_it():
    found = first_divergence(trace(), trace(broken=2, names="n{}", hidden=(2,)))
    assert found.last_good.label == "op1"
    assert found.first.label in ("op2", "op3")


def test_nothing_diverges_between_copies():
    for names in ("op{}", "other{}"):
        found = first_divergence(trace(), trace(names=names))
        assert found.first is None
        assert found.compared == 6


def test_a_parallel_branch_that_agrees_does_not_hide_the_fault():
    side = OperatorOutput("side", "add", "s", RNG.normal(size=(4, 16)).astype("float32"))
    good, bad = trace(), trace(broken=3, names="n{}")
    good.insert(5, side)
    bad.insert(5, OperatorOutput("aside", "add", "s", side.value))
    assert first_divergence(good, bad).first.label == "op3"


def test_integers_and_constants_are_not_evidence():
    noise = [
        OperatorOutput("shape", "shape", "s", np.arange(20)),
        OperatorOutput("ones", "full", "o", np.ones(30, "float32")),
        OperatorOutput("scalar", "full", "c", np.float32(3)),
    ]
    assert first_divergence(noise, noise).compared == 0


def outputs(**named):
    return [
        OperatorOutput(label, label, label, np.asarray(value, "float32")) for label, value in named.items()
    ]


def test_a_converted_graph_is_matched_by_value_whatever_its_names_and_layout():
    a, b, c = (RNG.random((2, 3)) for _ in range(3))
    ours = outputs(conv=a, bn=b, relu=c)
    assert first_divergence(ours, outputs(x=a, y=b, z=c)).first is None
    # Another layout and another name are no difference; a tensor that is not there is.
    found = first_divergence(ours, outputs(x=a.T, other=b + 1, z=c + 1))
    assert (found.last_good.label, found.first.label) == ("conv", "bn")
    # An operator that the converter merged away is passed over when what follows agrees.
    assert first_divergence(ours, outputs(x=a, z=c)).first is None
    found = first_divergence(ours, outputs(x=a + 9))
    assert (found.last_good, found.first.label) == (None, "conv")


def test_branches_that_run_in_another_order_are_seen():
    left, right = RNG.random((3, 4)), RNG.random((3, 4))
    ours = outputs(left=left, right=right, add=left + right)
    assert first_divergence(ours, outputs(b=right, a=left, sum=left + right)).first is None
    found = first_divergence(ours, outputs(b=right, a=left, sum=left - right))
    assert (found.last_good.label, found.first.label) == ("right", "add")


def test_a_fault_that_changes_the_shape_of_all_that_follows_is_named():
    a, b, c = RNG.random((4, 8)), RNG.random((4, 6)), RNG.random((4, 6))
    ours = outputs(conv=a, pool=b, relu=c)
    found = first_divergence(ours, outputs(n1=a, n2=b[:, :4], n3=c[:, :4]))
    assert (found.last_good.label, found.first.label) == ("conv", "pool")


def test_an_output_that_became_constant_diverges():
    a = RNG.random((4, 8))
    found = first_divergence(outputs(conv=a, relu=a + 1), outputs(conv=a, relu=np.zeros((4, 8))))
    assert found.first.label == "relu"
    assert found.aligned_by == "label"


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        ([1.0, 2.0], [1.0, 2.2], 0.1),
        ([0.0, 0.0], [0.0, 0.0], 0),
        ([0.0, 0.0], [0.0, 1.0], np.inf),
        ([1.0, np.nan], [1.0, np.nan], 0),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([1.0, 2.0], [1.0, 2.0, 3.0], np.inf),
        ([np.nan], [np.nan], 0),
    ],
)
def test_tensor_error(a, b, error):
    assert tensor_error(a, b) == pytest.approx(error)


def node(label, value, operator="matmul"):
    return OperatorOutput(label, operator, label, np.asarray(value, "float32"))


def branches(broken="", order=("a", "b", "c", "sum", "end"), factor=1.5):
    """Three branches from one input into a sum; `broken` is scaled."""
    values = {name: X @ WEIGHTS[place] for place, name in enumerate("abc")}
    if broken in values:
        values[broken] = values[broken] * factor
    values["sum"] = sum(values[name] for name in "abc") * (factor if broken == "sum" else 1)
    values["end"] = np.tanh(values["sum"]) * (factor if broken == "end" else 1)
    return [node(name, values[name]) for name in order]


FLOW = {"a": (), "b": (), "c": (), "sum": ("a", "b", "c"), "end": ("sum",)}


@pytest.mark.parametrize("broken", ["a", "b", "c", "sum", "end"])
def test_who_reads_whom_tells_branches_apart(broken):
    theirs = [
        OperatorOutput(f"node_{place}", "op", "t", each.value) for place, each in enumerate(branches(broken))
    ]
    found = first_divergence(branches(), theirs, flow=FLOW)
    assert found.aligned_by == "flow"
    assert found.first.label == broken
    assert first_divergence(branches(), branches(), flow=FLOW).first is None


def test_a_name_that_now_means_something_else_is_no_fault():
    """A converter fuses the bias into the product and keeps the product's name."""
    product, biased = X @ WEIGHTS[0], X @ WEIGHTS[0] + 1
    ours = [node("product", product), node("bias", biased, "add"), node("end", np.tanh(biased))]
    flow = {"product": (), "bias": ("product",), "end": ("bias",)}
    assert (
        first_divergence(ours, [node("product", biased), node("end", np.tanh(biased))], flow=flow).first
        is None
    )
    wrong = [node("product", biased + 0.5), node("end", np.tanh(biased + 0.5))]
    assert first_divergence(ours, wrong, flow=flow).first.label in ("product", "bias")


def test_a_transposition_is_not_found_again_in_its_own_input():
    cube = RNG.normal(size=(3, 4, 12, 4)).astype("float32")
    turned, wrong = cube.transpose(0, 2, 1, 3), cube.transpose(0, 2, 3, 1)
    ours = [node("cube", cube), node("turned", turned), node("flat", turned.reshape(3, 12, 16))]
    theirs = [node("n0", cube), node("n1", wrong), node("n2", wrong.reshape(3, 12, 16))]
    flow = {"cube": (), "turned": ("cube",), "flat": ("turned",)}
    assert first_divergence(ours, theirs, flow=flow).first.label == "turned"


def test_an_addition_of_nothing_counts_when_it_is_lost():
    product = X @ WEIGHTS[0]
    ours = [node("product", product), node("bias", product, "add"), node("end", np.tanh(product))]
    theirs = [node("n0", product), node("n1", product + 1), node("n2", np.tanh(product + 1))]
    flow = {"product": (), "bias": ("product",), "end": ("bias",)}
    assert first_divergence(ours, theirs, flow=flow).first.label == "bias"


@pytest.mark.parametrize("size", [5e-4, 1e-2])
def test_a_small_fault_is_named_where_it_begins_and_not_where_it_is_large(size):
    value, ours, theirs = X, [], []
    other = X
    for place, weight in enumerate(WEIGHTS):
        value, other = value @ weight, other @ weight * (1 + (size if place == 1 else 0))
        ours.append(node(f"op{place}", value))
        theirs.append(node(f"n{place}", other))
    ours.append(node("end", np.exp(value * 4)))
    theirs.append(node("last", np.exp(other * 4)))
    flow = {each.label: (before.label,) for before, each in pairwise(ours)}
    found = first_divergence(ours, theirs, flow={"op0": (), **flow}, tolerance=1e-3)
    assert found.first.label == "op1"
