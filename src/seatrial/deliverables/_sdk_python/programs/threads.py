"""Many threads and one model:  python threads.py [THREADS]"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True  # the bundle stays as it was delivered

from delivered import Model
from delivered.payload import read_payload

SAMPLES = Path(__file__).resolve().parents[2] / "samples"

listed = json.loads((SAMPLES / "vectors.json").read_text())["vectors"]
payloads = [read_payload(SAMPLES / each["payload"]) for each in listed]
model = Model()
with ThreadPoolExecutor(int(sys.argv[1]) if len(sys.argv) > 1 else 4) as pool:
    for each, answer in zip(listed, pool.map(model.predict, payloads)):
        print(each["payload"], json.dumps(answer, ensure_ascii=False))
