"""ONNX Runtime's C++ headers and its Java classes: what a program of those languages is built with.

The wheel has the library and nothing to compile against, and the published jar lies in a registry for Java.
Debian keeps the sources of both: the headers are taken as they are; the Java classes and what binds them to
the library are compiled, where a JDK and a C compiler are. The library itself stays that of the wheel.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.tools._apt import APT
from seatrial.tools._tool import Found, Tool, side_folder

VERSION = "1.21.0"
VARIABLE = "SEATRIAL_ONNXRUNTIME_SDK"
HEADER, JAR = "include/onnxruntime_cxx_api.h", "onnxruntime.jar"

_RECIPE = f"""\
NEW="$SIDE/onnxruntime-sdk.new"
OUT="$NEW/out"
rm -rf "$NEW"
mkdir -p "$OUT/include"
{APT}apt_from deb-src trixie "$HOST" update
(cd "$NEW" && apt_from deb-src trixie "$HOST" source --download-only --tar-only onnxruntime={VERSION}+dfsg-1)
TOP="onnxruntime-{VERSION}"
tar -xf "$NEW/onnxruntime_{VERSION}+dfsg.orig.tar.xz" -C "$NEW" "$TOP/include" "$TOP/java" "$TOP/LICENSE"
SOURCE="$NEW/$TOP"
HEADERS="$SOURCE/include/onnxruntime/core/session"
cp "$HEADERS"/onnxruntime_*.h "$SOURCE/LICENSE" "$OUT/include"
if command -v javac >/dev/null && command -v jar >/dev/null && command -v cc >/dev/null; then
  BINDINGS="$NEW/classes/ai/onnxruntime/native/linux-$(uname -m | sed s/x86_64/x64/)"
  mkdir -p "$BINDINGS" "$NEW/jni"
  find "$SOURCE/java/src/main/java" "$SOURCE/java/src/main/jvm" -name '*.java' ! -name module-info.java \\
    > "$NEW/sources"
  javac -nowarn -encoding UTF-8 -d "$NEW/classes" -h "$NEW/jni" "@$NEW/sources"
  # What the build would have generated, and a library that is only a name: the real one is found at run time.
  echo '#define ORT_VERSION "{VERSION}"' > "$NEW/jni/onnxruntime_config.h"
  echo 'void OrtGetApiBase(void) {{}}' > "$NEW/name.c"
  cc -shared -Wl,-soname,libonnxruntime.so.1 -o "$NEW/libonnxruntime.so.1" "$NEW/name.c"
  HOME_OF_JAVA="$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")"
  cc -shared -fPIC -O2 -w -I "$NEW/jni" -I "$HEADERS" -I "$SOURCE/include" -I "$HOME_OF_JAVA/include" \\
    -I "$HOME_OF_JAVA/include/linux" -o "$BINDINGS/libonnxruntime4j_jni.so" \\
    $(ls "$SOURCE"/java/src/main/native/*.c | grep -v Training) "$NEW/libonnxruntime.so.1"
  jar cf "$OUT/{JAR}" -C "$NEW/classes" .
else
  echo "no javac, jar and cc here: the headers only"
fi
rm -rf "$SIDE/onnxruntime-sdk"
mv "$OUT" "$SIDE/onnxruntime-sdk"
rm -rf "$NEW"
"""


def _find() -> Found | None:
    folder = Path(os.environ.get(VARIABLE) or side_folder() / "onnxruntime-sdk").absolute()
    return Found(folder, VERSION) if (folder / HEADER).is_file() else None


TOOL = Tool(
    name="onnxruntime-sdk",
    summary="ONNX Runtime's C++ headers and Java classes: compiles the in-process SDKs of a bundle",
    find=_find,
    recipe=_RECIPE,
    size="2 MB",
    license="MIT",
    variable=VARIABLE,
)
