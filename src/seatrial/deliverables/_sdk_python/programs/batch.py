"""Several samples in as few calls as their shapes allow:  python batch.py [FILE...]"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the bundle stays as it was delivered

from delivered import Model
from delivered.payload import read_payload

SAMPLES = Path(__file__).resolve().parents[2] / "samples"

listed = json.loads((SAMPLES / "vectors.json").read_text())["vectors"]
paths = [Path(each) for each in sys.argv[1:]] or [SAMPLES / each["payload"] for each in listed]
model = Model()
for path, answer in zip(paths, model.predict_batch([read_payload(each) for each in paths])):
    print(path.name, json.dumps(answer, ensure_ascii=False))
