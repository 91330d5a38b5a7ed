"""The command line: what a person or a CI job may ask for. `harness --help` teaches it."""

from __future__ import annotations

import os
import signal
from types import FrameType

# As every interrupted command, see harness.session.Exit, which takes a while to load.
_INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    # Loading takes half a second: Ctrl-C in it is no reason for a traceback, and there is nothing
    # yet to clean up. Where a shell has it ignored, it stays so.
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from harness.cli.commands import app

    signal.signal(signal.SIGINT, before)
    app()


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)
