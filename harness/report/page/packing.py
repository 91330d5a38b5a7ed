"""Texts packed into a page, to be unpacked by its script when they are asked for."""

from __future__ import annotations

import gzip
from base64 import b64encode


def packed(text: str) -> str:
    """The text, compressed, as Base64: the same each time."""
    return b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")
