"""Exports a small PyTorch network for the slow tests: `python make_torch_program.py FILE`. Needs PyTorch."""

import sys

import torch
from torch import nn


class Small(nn.Module):
    """float32 [N, 1, 8, 8] -> [N, 10] probabilities."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Hardswish(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 16, 10))

    def forward(self, image):
        return torch.softmax(self.layers(image), 1)


def main(target):
    torch.manual_seed(7)
    batch = torch.export.Dim("batch")
    example = (torch.rand(2, 1, 8, 8),)
    torch.export.save(torch.export.export(Small().eval(), example, dynamic_shapes=({0: batch},)), target)


if __name__ == "__main__":
    main(sys.argv[1])
