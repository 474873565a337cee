"""Asks a server that has the model:  python http_client.py http://127.0.0.1:8000 [FILE]

The API key, where the server wants one, comes from the environment: SEATRIAL_API_KEY.
"""

import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the bundle stays as it was delivered

from delivered import Client
from delivered.payload import read_payload

SAMPLES = Path(__file__).resolve().parents[2] / "samples"

if len(sys.argv) < 2:
    sys.exit(__doc__)
path = sys.argv[2] if len(sys.argv) > 2 else SAMPLES / "@SAMPLE@"
client = Client(sys.argv[1], key=os.environ.get("SEATRIAL_API_KEY", ""))
print(Path(path).name, json.dumps(client.predict(read_payload(path)), ensure_ascii=False))
