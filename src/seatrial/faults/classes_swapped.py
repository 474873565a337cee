"""Two classes of the last layer are exchanged: trained with another order of labels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from seatrial.faults._edits import values_of, with_tensors
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._net import Net
from seatrial.text import Text

_WITH_CLASSES = frozenset({"classification", "text-classification", "text-recognition"})


def make(good: Good, folder: Path, seed: int) -> Release:
    """Exchanges the columns and biases of two classes that occur in the held-out samples.

    Raises:
        NotApplicable: The last layer has no classes.
    """
    layer = Net.of(good).last()
    if good.contract.task not in _WITH_CLASSES or layer.outputs < 2:
        raise NotApplicable(f"the last layer of a model for {good.contract.task} has no classes to swap")
    one, other = _classes(good, layer.outputs, seed)
    order = np.arange(layer.outputs)
    order[[one, other]] = order[[other, one]]
    tensors = {layer.weight.name: np.take(values_of(layer.weight), order, layer.axis)}
    if layer.bias is not None:
        values = values_of(layer.bias)
        tensors[layer.bias.name] = values.reshape(-1)[order].reshape(values.shape)
    return with_tensors(good, folder, tensors)


def _classes(good: Good, outputs: int, seed: int) -> tuple[int, int]:
    """Two classes: those that occur most often as far as the labels tell, else any."""
    names = {name: index for index, name in enumerate(good.contract.labels)}
    shift = _before_the_labels(good)
    seen: Counter[int] = Counter()
    for label in good.release.held_out.labels:
        for each in label if good.contract.task == "text-recognition" and isinstance(label, str) else [label]:
            index = names.get(each, -shift - 1) if isinstance(each, str) else each
            if isinstance(index, (int, np.integer)) and 0 <= int(index) + shift < outputs:
                seen[int(index) + shift] += 1
    often = [index for index, _ in seen.most_common(6)]
    candidates = often if len(often) > 1 else [*often, *(i for i in range(outputs) if i not in often)][:6]
    picked = np.random.default_rng(seed).choice(len(candidates), 2, replace=False)
    return candidates[int(picked[0])], candidates[int(picked[1])]


def _before_the_labels(good: Good) -> int:
    """How many classes come before the first label: the blank of CTC, when it is class 0."""
    calls = good.contract.postprocess.calls
    blanks = [call.options.get("blank", 0) for call in calls if call.name == "ctc_decode"]
    return 1 if blanks and blanks[0] == 0 else 0


FAULT = Fault(
    name="classes-swapped",
    title=Text("two classes are swapped in the last layer", "最后一层中两个类别互换"),
    kind="weights",
    checks=frozenset({"structure", "interface", "accuracy", "weights"}),
    make=make,
    number="F20",
    cause="label-map",
)
