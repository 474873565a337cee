"""The training-side model in a process of its own; runs in any interpreter that has NumPy and the framework.

Started as a file, not as a module, and imports nothing of this package: `python _reference_child.py REQUEST`.
The request (JSON) names the user's source file, what it defines, the weights, batches of arrays (`.npz`, one
a batch) and where the outputs go. The weights are the user's own: `.pdparams` and old `.pt` files are
pickles, and reading one runs what it says. That is why it happens here, under limits, and nowhere else.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

_NESTED = ("state_dict", "model_state_dict", "model", "ema", "net", "params", "student_model")
_SHOWN = 3


class Refused(Exception):
    """The user's class, weights or inputs do not fit together; the message says how."""


def limit(memory: int, seconds: int) -> None:
    """Bounds memory, processor time and file sizes of this process."""
    for what, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, seconds)):
        _, hard = resource.getrlimit(what)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def defined(source: str, name: str) -> Any:
    """What the user's file defines under a name.

    Raises:
        Refused: It defines no such thing.
    """
    file = Path(source)
    sys.path.insert(0, str(file.parent))  # it may import files beside it
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise Refused(f"{file.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        there = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise Refused(
            f"{file.name} defines no {name}; it defines {', '.join(sorted(there)) or 'nothing to call'}"
        )
    return getattr(module, name)


def framework_of(thing: Any) -> str:
    """`paddle` or `torch` for a layer or module, else empty."""
    for each in type(thing).__mro__:
        root = each.__module__.partition(".")[0]
        if root in ("paddle", "torch") and each.__name__ in ("Layer", "Module"):
            return root
    return ""


def built(thing: Any, *, weights: str) -> tuple[Any, str]:
    """The model (or the plain function) and its framework."""
    model = thing
    if inspect.isclass(thing) or (weights and not framework_of(thing)):
        try:
            model = thing()
        except TypeError as error:
            raise Refused(
                f"{getattr(thing, '__name__', thing)}() cannot be made without arguments: {error}; "
                "name a function that makes it"
            ) from error
    elif inspect.isfunction(thing) and not [
        each for each in inspect.signature(thing).parameters.values() if each.default is each.empty
    ]:
        model = thing()  # a function without arguments makes the model; one with arguments is the model
    return model, framework_of(model)


def load_weights(model: Any, framework: str, file: str) -> list[str]:
    """Puts the weights into the model; all of them, and nothing else.

    Returns:
        What a reader should know.

    Raises:
        Refused: There is no model to put them in, or the names or shapes differ.
    """
    if not framework:
        raise Refused("no Paddle layer and no PyTorch module came of it, so weights fit nowhere")
    engine: Any = importlib.import_module(framework)
    notes = []
    if framework == "paddle":
        state = engine.load(file)
    else:
        try:
            state = engine.load(file, map_location="cpu", weights_only=True)
        except Exception:  # noqa: BLE001 - torch raises its unpickler's errors, of many types
            notes.append("read as a whole pickle, because it holds more than tensors")
            state = engine.load(file, map_location="cpu", weights_only=False)
    if hasattr(state, "state_dict"):
        state = state.state_dict()
    for key in _NESTED:
        inner: Any = state.get(key) if isinstance(state, dict) else None
        if hasattr(inner, "state_dict"):
            inner = inner.state_dict()
        if isinstance(inner, dict) and inner:
            state = inner
            notes.append(f"the weights under '{key}'")
            break
    if not isinstance(state, dict) or not state:
        raise Refused(f"{Path(file).name} holds no weights by name but a {type(state).__name__}")
    state = {str(key): value for key, value in state.items()}
    own = {str(name): tuple(value.shape) for name, value in model.state_dict().items()}
    if all(name.startswith("module.") for name in state) and not any(
        name.startswith("module.") for name in own
    ):
        state = {name[len("module.") :]: value for name, value in state.items()}
    state.pop("StructuredToParameterName@@", None)
    _compare(own, state, Path(file).name)
    if framework == "paddle":
        model.set_state_dict(state)
    else:
        model.load_state_dict(state)
    return notes


def _compare(own: dict[str, tuple[int, ...]], state: dict[str, Any], where: str) -> None:
    missing, strange = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    if missing or strange:
        told = [f"{len(missing)} weights of the class are not in it ({', '.join(missing[:_SHOWN])})"] * bool(
            missing
        )
        told += [
            f"{len(strange)} of its weights are not in the class ({', '.join(strange[:_SHOWN])})"
        ] * bool(strange)
        raise Refused(f"{where} does not fit the class: {'; '.join(told)}")
    for name, shape in own.items():
        given = tuple(getattr(state[name], "shape", ()))
        if given != shape:
            raise Refused(f"{where}: {name} is {list(given)}, and the class has {list(shape)}")


def outputs_of(model: Any, framework: str, feeds: list[np.ndarray]) -> list[np.ndarray]:
    """One batch through the model; outputs in the order it gives them."""
    if framework == "paddle":
        engine = importlib.import_module("paddle")
        with engine.no_grad():
            result = model(*[engine.to_tensor(each) for each in feeds])
    elif framework == "torch":
        engine = importlib.import_module("torch")
        with engine.no_grad():
            result = model(*[engine.from_numpy(np.array(each)) for each in feeds])
    else:
        result = model(*feeds)
    flat = _flat(result)
    if not flat:
        raise Refused("the model gave no tensor")
    return [_array(each) for each in flat]


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in _flat(inner)]
    if isinstance(value, list | tuple):
        return [each for inner in value for each in _flat(inner)]
    return [] if value is None else [value]


def _array(value: Any) -> np.ndarray:
    for name in ("detach", "cpu", "numpy"):
        if hasattr(value, name):
            value = getattr(value, name)()
    return np.asarray(value)


def main(request_file: str) -> None:
    """Reads the request, runs the model, leaves `answer.json` and one `.npz` of outputs a batch."""
    request = json.loads(Path(request_file).read_text("utf-8"))
    answer = Path(request["answer"])
    try:
        limit(int(request["memory"]), int(request["seconds"]))
        thing = defined(request["source"], request["name"])
        model, framework = built(thing, weights=request["weights"])
        notes: list[str] = []
        if request["weights"]:
            notes = load_weights(model, framework, request["weights"])
        if framework:
            model.eval()
        for given, result in request["batches"]:
            with np.load(given, allow_pickle=False) as arrays:
                feeds = [arrays[f"arr_{place}"] for place in range(len(arrays.files))]
            np.savez(result, *outputs_of(model, framework, feeds))
        told = {"framework": framework, "version": _version(framework), "notes": notes}
    except Refused as error:
        told = {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - the user's own code raises what it likes; the parent reports it
        told = {"error": f"{type(error).__name__}: {str(error)[:1500]}"}
    answer.write_text(json.dumps(told), "utf-8")


def _version(framework: str) -> str:
    return str(getattr(sys.modules.get(framework), "__version__", "")) if framework else ""


if __name__ == "__main__":
    main(sys.argv[1])
