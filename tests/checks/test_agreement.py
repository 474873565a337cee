import numpy as np
import pytest

from seatrial.checks._consistency.agreement import agreement

BOX = [[0, 0], [10, 0], [10, 5], [0, 5]]


@pytest.mark.parametrize(
    ("task", "one", "other", "share"),
    [
        ("classification", {"index": 3, "confidence": 0.9}, {"index": 3, "confidence": 0.8}, 1),
        ("classification", {"index": 3}, {"index": 4}, 0),
        ("text-classification", {"class": "good"}, {"class": "bad"}, 0),
        ("text-recognition", {"text": "船舶"}, {"text": "船舶"}, 1),
        ("text-recognition", {"text": "船舶"}, {"text": "船"}, 0),
        ("text-detection", {"boxes": [BOX]}, {"boxes": [(np.array(BOX) + 1).tolist()]}, 1),
        ("text-detection", {"boxes": [BOX]}, {"boxes": [(np.array(BOX) + 9).tolist()]}, 0),
        ("text-detection", {"boxes": [BOX, BOX]}, {"boxes": [BOX]}, 2 / 3),
        ("detection", {"boxes": []}, {"boxes": []}, 1),
        ("segmentation", {"mask": [[0, 1], [1, 1]]}, {"mask": [[0, 1], [1, 0]]}, 0.75),
        ("segmentation", {"mask": [[0, 1]]}, {"mask": [[0, 1], [1, 0]]}, 0),
        ("regression", {"value": 100.0}, {"value": 100.01}, 1),
        ("regression", {"value": 100.0}, {"value": 101.0}, 0),
        ("tensor", [[1.0, 2.0]], [[1.0, 2.0]], 1),
        ("tensor", [[1.0, 2.0]], [[1.0, 3.0]], 0),
        ("classification", None, {"index": 3}, 0),
        ("classification", None, None, 1),
    ],
)
def test_agreement(task, one, other, share):
    assert agreement(task, one, other) == pytest.approx(share)
