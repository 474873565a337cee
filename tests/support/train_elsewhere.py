"""Trains digits in another framework's environment: `python train_elsewhere.py KIND TRAIN.npz OUT`.

KIND is `torch` (digits.pt beside digits_net.py), `keras` (digits.keras) or `paddle` (digits.pdparams).
"""

import sys
from pathlib import Path

import numpy as np

NETS = {
    "torch": """import torch
from torch import nn


class DigitsNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
        )
        self.head = nn.Linear(width * 16, 10)

    def forward(self, image):
        return torch.softmax(self.head(self.features(image)), 1)


class Wide(DigitsNet):
    def __init__(self):
        super().__init__(width=16)


class Branches(DigitsNet):
    def forward(self, image):
        if image.sum() > 100:
            return super().forward(image)
        return -super().forward(image)
""",
    "paddle": """from paddle import nn


class DigitsNet(nn.Layer):
    def __init__(self, width=8):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2D(1, width, 3, padding=1), nn.BatchNorm2D(width), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten()
        )
        self.head = nn.Linear(width * 16, 10)

    def forward(self, image):
        return nn.functional.softmax(self.head(self.features(image)))


class Wide(DigitsNet):
    def __init__(self):
        super().__init__(width=16)


class Branches(DigitsNet):
    def forward(self, image):
        if image.sum() > 100:
            answer = super().forward(image)
        else:
            answer = super().forward(image) * 0.5
        return answer


class Raises(DigitsNet):
    def forward(self, image):
        raise ValueError("bad luck")
""",
}


def torch(images, labels, out):
    import torch
    from digits_net import DigitsNet

    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y, net = torch.from_numpy(images), torch.from_numpy(labels).long(), DigitsNet()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(4):
        for rows in torch.randperm(len(x)).split(32):
            loss = torch.nn.functional.nll_loss(torch.log(net(x[rows]) + 1e-9), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    saved = {"epoch": 4, "model_state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(saved, out / "digits.pt")


def paddle(images, labels, out):
    import paddle
    from digits_net import DigitsNet

    paddle.seed(0)
    x, y, net = paddle.to_tensor(images), paddle.to_tensor(labels), DigitsNet()
    optimizer = paddle.optimizer.Adam(3e-3, parameters=net.parameters())
    rng = np.random.default_rng(0)
    for _ in range(4):
        for start in range(0, len(images), 32):
            rows = paddle.to_tensor(rng.integers(0, len(images), 32) if start else np.arange(32))
            loss = paddle.nn.functional.nll_loss(paddle.log(net(x[rows]) + 1e-9), y[rows])
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
    paddle.save(net.state_dict(), str(out / "digits.pdparams"))


def keras(images, labels, out):
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((8, 8, 1), name="image")
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(image)))
    hidden = layers.Flatten()(layers.MaxPool2D(2)(hidden))
    model = keras.Model(image, layers.Dense(10, activation="softmax", name="digit")(hidden))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(images.transpose(0, 2, 3, 1), labels, epochs=4, verbose=0)
    model.save(str(out / "digits.keras"))


def main(kind, data, out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if kind in NETS:
        (out / "digits_net.py").write_text(NETS[kind], "utf-8")
    sys.path.insert(0, str(out))
    with np.load(data) as arrays:
        globals()[kind](arrays["image"].astype("float32"), arrays["label"].astype("int64"), out)


if __name__ == "__main__":
    main(*sys.argv[1:4])
