"""Who called: the place in a program that a message should name."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import FrameType

LIBRARIES = tuple(
    sorted({str(Path(sysconfig.get_path(name))) for name in ("stdlib", "platstdlib")})
)
PACKAGES = tuple(sorted({sysconfig.get_path(name) for name in ("purelib", "platlib")}))


def culprit(frame: FrameType | None) -> str:
    """The first frame outside the standard library, or the first one where there is none."""
    first = frame
    while frame is not None:
        file = frame.f_code.co_filename
        library = file.startswith(LIBRARIES) and not file.startswith(PACKAGES)
        if not library and not file.startswith("<frozen"):
            first = frame
            break
        frame = frame.f_back
    return f"{first.f_code.co_filename}:{first.f_lineno}" if first is not None else "nowhere"
