"""Proves this SDK against the bundle's golden vectors.

    python golden_test.py [--runtime NAME] [--no-model] [--server ADDRESS]

Each payload must become the recorded tensors, the recorded outputs the recorded answer, and each payload the
recorded answer through the model (and through a server that has it). Exit code 0 when all of them do.
"""

import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the bundle stays as it was delivered

import numpy as np
from delivered import Client, Model, postprocess, prepare
from delivered.errors import DeliveredError, NoRuntime
from delivered.payload import read_payload

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SAME = 1e-6  # relative; the same arithmetic on the same numbers, by another build of numpy
ENGINE = 1e-3  # relative; another engine may compute here than where the vectors were made


def main() -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--runtime", default="")
    parser.add_argument("--no-model", action="store_true", help="pre- and postprocessing only")
    parser.add_argument("--server", default="")
    options = parser.parse_args()
    listed = json.loads((SAMPLES / "vectors.json").read_text())["vectors"]
    try:
        model = None if options.no_model else Model(runtime=options.runtime)
    except NoRuntime as error:
        print(f"pre- and postprocessing only: {error}")
        model = None
    client = Client(options.server) if options.server else None
    failed = 0
    for vector in listed:
        wrong = list(check(vector, model, client))
        failed += bool(wrong)
        for each in wrong:
            print(f"{vector['name']}: {each}")
    how = ["pre- and postprocessing"] + ([model.runtime] if model else []) + (["server"] if client else [])
    print(f"{len(listed) - failed} of {len(listed)} ({' + '.join(how)})")
    return 1 if failed or not listed else 0


def check(vector, model, client):
    """What is wrong with one vector."""
    payload = read_payload(SAMPLES / vector["payload"])
    expected = {name: arrays(path) for name, path in vector["feeds"].items()}
    outputs = [arrays(path) for path in vector["outputs"].values()]
    try:
        feeds, context = prepare(payload)
        for name, array in expected.items():
            if not near(feeds[name], array, SAME):
                yield f"input '{name}' differs by {gap(feeds[name], array)}"
        answer = postprocess(outputs, 0, context)
        if not alike(answer, vector["answer"], SAME):
            yield f"the postprocessing answers {answer}, expected {vector['answer']}"
        for what, asked in (("the model", model), ("the server", client)):
            if asked is not None and not alike(answer := asked.predict(payload), vector["answer"], ENGINE):
                yield f"{what} answers {answer}, expected {vector['answer']}"
    except DeliveredError as error:
        yield str(error)


def arrays(path):
    found = np.load(SAMPLES / path, allow_pickle=False)
    return found.astype(object) if found.dtype.kind == "U" else found


def near(got, expected, relative):
    if got.shape != expected.shape:
        return False
    if expected.dtype.kind != "f":
        return bool((got == expected).all())
    scale = float(np.abs(expected).max(initial=0)) or 1.0
    return bool(np.allclose(got, expected, rtol=relative, atol=relative * scale, equal_nan=True))


def gap(got, expected):
    if got.shape != expected.shape:
        return f"its shape {list(got.shape)} instead of {list(expected.shape)}"
    if expected.dtype.kind not in "fiub":
        return "what it says"
    return f"{np.abs(got.astype('float64') - expected.astype('float64')).max():.3g}"


def alike(got, expected, relative):
    """Equal JSON, but for what numbers with fractions may differ."""
    if isinstance(expected, float) and isinstance(got, (int, float)):
        return abs(got - expected) <= relative * max(1.0, abs(expected))
    if isinstance(expected, dict) and isinstance(got, dict):
        return got.keys() == expected.keys() and all(alike(got[key], expected[key], relative) for key in got)
    if isinstance(expected, list) and isinstance(got, list):
        return len(got) == len(expected) and all(alike(*pair, relative) for pair in zip(got, expected))
    return bool(got == expected)


if __name__ == "__main__":
    sys.exit(main())
