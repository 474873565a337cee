"""Triton Inference Server: the binary that nvidia-pytriton carries, started by itself with a model in Python.

The wheel has the Python backend only, so a model is a Python file whose batches the server forms in C++.
"""

from __future__ import annotations

import os
import shutil
import sysconfig

from peers._peer import PROGRAMS, Launch, Peer, Setting

TYPES = {"sim": ("TYPE_FP32", 4, 1), "tiny": ("TYPE_FP32", 64, 10), "encoder": ("TYPE_INT64", 64, 2)}
NAMES = {"sim": ("x", "y"), "tiny": ("x", "y"), "encoder": ("ids", "logits")}

CONFIG = """name: "{model}"
backend: "python"
max_batch_size: {batch}
input [{{ name: "{given}" data_type: {kind} dims: [{width}] }}]
output [{{ name: "{made}" data_type: TYPE_FP32 dims: [{wide}] }}]
instance_group [{{ kind: KIND_CPU count: 1 }}]
dynamic_batching {{ max_queue_delay_microseconds: {delay} }}
"""


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    site = next((setting.python.parent.parent / "lib").glob("python3*")) / "site-packages"
    carried = site / "pytriton" / "tritonserver"
    backend = setting.scratch / "backends" / "python"
    shutil.copytree(carried / "backends" / "python", backend, dirs_exist_ok=True)
    stub = carried / "python_backend_stubs" / site.parent.name.removeprefix("python")
    shutil.copy(stub / "triton_python_backend_stub", backend)
    kind, width, wide = TYPES[setting.model]
    given, made = NAMES[setting.model]
    delay = round(1000 * setting.options.get("delay", 0.0))
    home = f"repository/{setting.model}"
    setting.write(
        f"{home}/config.pbtxt",
        CONFIG.format(
            model=setting.model, batch=setting.batch, given=given, made=made, kind=kind, width=width,
            wide=wide, delay=delay,
        ),
    )  # fmt: skip
    (setting.scratch / home / "1").mkdir(exist_ok=True)
    shutil.copy(PROGRAMS / "triton_model.py", setting.scratch / home / "1" / "model.py")
    shutil.copy(PROGRAMS / "engine.py", setting.scratch / home / "1")
    command = [
        carried / "bin" / "tritonserver",
        f"--model-repository={setting.scratch / 'repository'}", f"--backend-directory={backend.parent}",
        "--http-address=127.0.0.1", f"--http-port={setting.port}",
        "--grpc-address=127.0.0.1", f"--grpc-port={setting.port + 1}",
        "--metrics-address=127.0.0.1", f"--metrics-port={setting.port + 2}",
    ]  # fmt: skip
    environment = {
        "LD_LIBRARY_PATH": os.pathsep.join(
            [str(site / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR")]
        ),
        "PYTHONPATH": str(site),
        "PATH": f"{setting.python.parent}{os.pathsep}{os.environ['PATH']}",
        "BENCH_OUTPUT": made,
    }
    return Launch(
        tuple(command), f"/v2/models/{setting.model}/infer", environment=environment, grpc=setting.port + 1
    )


PEER = Peer(
    "triton",
    launch,
    packages=("nvidia-pytriton==0.7.0", "onnxruntime", "numpy"),
    distribution="nvidia-pytriton",
    variants={"": {}, "delay 10": {"delay": 10.0}},
    only={"delay 10": ("sim",)},
    anchor=True,
    models=("sim", "tiny", "encoder"),
)
