"""A program beside that does on request what real ones do by accident: `python -I side_program.py FOLDER`.

The folder is that of `link`.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
link = importlib.import_module("link")
link.own_folder_off_the_path()
np = importlib.import_module("numpy")


class Doubling:
    """Doubles what it is given; the first value, or the mood at loading, says what else happens."""

    def load(self, task):
        self.moods = {
            -1: self.raises,
            -2: lambda: os.kill(os.getpid(), signal.SIGSEGV),
            -3: lambda: os._exit(0),
            -4: lambda: time.sleep(60),
            -5: self.out_of_memory,
            -6: lambda: os.write(self.pipe, b"Warning: no frame\n"),
            -7: self.half_a_frame,
            -8: lambda: self.raw(b'{"arrays": [["<f4", [-3]]]}'),
            -9: lambda: self.raw(b'{"arrays": [["O", [1]]]}'),
            -10: lambda: self.raw(b"[]"),
            -11: lambda: os.write(1, b"chatter on the standard output"),
            -12: self.closes_its_pipe,
        }
        # `link` keeps its end of the pipe to itself; it was opened last.
        self.pipe = max(int(each.name) for each in Path("/proc/self/fd").iterdir() if self.is_pipe(each))
        mood = task["engine"].get("mood", "")
        if mood == "refuse":
            raise ValueError("this is no model")
        if mood == "die":
            os.kill(os.getpid(), signal.SIGILL)
        if mood == "hang":
            time.sleep(60)
        self.answer = mood
        return {"threads": 3, "operators": {"double": 1}, "notes": ["from beside"]}

    @staticmethod
    def is_pipe(descriptor):
        try:
            return str(descriptor.readlink()).startswith("pipe:")
        except OSError:
            return False

    @staticmethod
    def raises():
        raise ValueError("a shape it does not like")

    @staticmethod
    def out_of_memory():
        raise MemoryError("Unable to allocate 3.00 TiB")

    def half_a_frame(self):
        os.write(self.pipe, b"\x40\x00\x00\x00{")
        os.kill(os.getpid(), signal.SIGBUS)

    def raw(self, data):
        os.write(self.pipe, len(data).to_bytes(4, "little") + data)

    def closes_its_pipe(self):
        os.close(self.pipe)
        time.sleep(60)

    def run(self, feeds):
        arrays = list(feeds.values())
        first = arrays[0].reshape(-1)[:1]
        if first.size and arrays[0].dtype.kind == "f" and float(first[0]) in self.moods:
            self.moods[float(first[0])]()
        if self.answer == "words":
            return [np.array(["a", "b"])]
        if self.answer == "objects":
            return [[{"a": 1}]]
        if self.answer == "scalar":
            return [np.float32(1.5), arrays[0].T]
        if self.answer == "pid":
            return [np.array([os.getpid()])]
        return [each if each.dtype.kind == "b" else each * 2 for each in arrays]


if __name__ == "__main__":
    link.serve(Doubling())
