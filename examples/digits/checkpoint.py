"""Trains the digits model and saves its weights as training does, without any export.

Usage: python examples/digits/checkpoint.py digits.pdparams [--seed 7] [--epochs 4]
"""

from __future__ import annotations

import argparse

import paddle
from train import train


def main() -> None:
    """Trains and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    paddle.save(train(arguments.seed, arguments.epochs).state_dict(), arguments.out)


if __name__ == "__main__":
    main()
