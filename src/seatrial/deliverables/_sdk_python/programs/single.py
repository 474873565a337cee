"""One sample:  python single.py [FILE]"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the bundle stays as it was delivered

from delivered import Model
from delivered.payload import read_payload

SAMPLES = Path(__file__).resolve().parents[2] / "samples"

path = sys.argv[1] if len(sys.argv) > 1 else SAMPLES / "@SAMPLE@"
model = Model()
print(
    f"{Path(path).name} on {model.runtime}:",
    json.dumps(model.predict(read_payload(path)), ensure_ascii=False),
)
