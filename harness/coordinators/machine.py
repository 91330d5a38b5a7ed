"""What this machine has: programs, Python packages, and the right to install more."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE = 20.0
"""Seconds that a program may take to say its version; a JVM on a busy machine is slow."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed Python package: where its files are, and its name and version as text."""

    directory: Path
    release: str


def installed_package(module: str) -> Package | None:
    """The package that `module` comes from, found without importing it."""
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    distribution = module.replace("_", "-")
    try:
        release = f"{distribution} {importlib.metadata.version(distribution)}"
    except importlib.metadata.PackageNotFoundError:
        release = distribution
    return Package(Path(spec.submodule_search_locations[0]), release)


def first_line(command: Sequence[str]) -> str | None:
    """The first line that a command prints; None where it does not run or fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.partition("\n")[0] if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look for servers. The defaults are this machine; tests give others.

    `root` is where `usr` and `opt` are, `own` where `install` unpacks what is for us alone.
    """

    environ: Mapping[str, str]
    root: Path = Path("/")
    own: Path = field(default_factory=lambda: Path(sys.prefix, "share", "harness"))
    is_root: bool = field(default_factory=lambda: os.geteuid() == 0)
    package: Callable[[str], Package | None] = installed_package
    says: Callable[[Sequence[str]], str | None] = first_line

    @property
    def has_apt(self) -> bool:
        """Whether packages come from Debian's archive (Debian, Ubuntu and their kin)."""
        return self.program("apt-get") is not None and self.program("dpkg-deb") is not None

    def program(self, name: str) -> Path | None:
        """A program on PATH, or in /usr/bin and /usr/sbin even if they are not on it."""
        places = [self.environ.get("PATH", ""), f"{self.root / 'usr/bin'}"]
        places.append(f"{self.root / 'usr/sbin'}")
        found = shutil.which(name, path=os.pathsep.join(filter(None, places)))
        return Path(found) if found else None

    def packaged(self, module: str, *path: str) -> tuple[Path, str] | None:
        """A program that a Python package carries, and that package's release."""
        package = self.package(module)
        if package is None:
            return None
        program = package.directory.joinpath(*path)
        return (program, package.release) if _executable(program) else None


def _executable(program: Path) -> bool:
    """Whether it can be run. Wheels may lose the execute bit, which is given back here."""
    if not program.is_file():
        return False
    if not os.access(program, os.X_OK):
        try:
            program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except OSError:
            return False
    return True
