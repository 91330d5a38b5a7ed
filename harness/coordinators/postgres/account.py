"""Whom Postgres runs as: it refuses to run as root."""

import os
import shutil
import stat
from pathlib import Path

from harness.coordinators.server import ServerError

_USER = "nobody"


def choose_account(program: Path, directory: Path) -> tuple[str | None, list[str]]:
    """The user to become and what to put before the command, given what it runs and where.

    As root that is `nobody`, to whom `directory` is given. Where that user cannot reach the program
    or does not exist here, it is root under another number, in a user namespace of its own.
    Raises ServerError where neither can be.
    """
    if os.geteuid() != 0:
        return None, []
    if _open_to_all(program) and _open_to_all(directory):
        try:
            shutil.chown(directory, _USER)
        except (LookupError, OSError):
            pass  # No such user, or no number for it in the user namespace that we are in.
        else:
            return _USER, []
    if unshare := shutil.which("unshare"):
        return None, [unshare, "--user", "--map-user=1000", "--map-group=1000"]
    raise ServerError(
        f"Postgres does not run as root, and {_USER} cannot run {program}: "
        "run the harness as an ordinary user"
    )


def _open_to_all(path: Path) -> bool:
    """Whether any user can run or enter it, and get there."""
    there = path.resolve()
    return all(place.stat().st_mode & stat.S_IXOTH for place in (there, *there.parents))
