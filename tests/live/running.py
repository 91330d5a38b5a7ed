"""A `harness run` under way, its temporary directory apart from everybody else's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.command import COMMAND, ROOT, Ran
from tests.live.processes import family, kill, marked, workers_in


class Running:
    """A context: the run starts with it, and whatever is left of it ends with it.

    It leads a process group of its own, as a command in a terminal does.
    """

    def __init__(self, scenario: Path, directory: Path) -> None:
        self.directory = directory
        self._scenario = scenario

    def __enter__(self) -> Running:
        # Not pytest's: Postgres runs as another user, who must be able to get there.
        self.temporary = Path(tempfile.mkdtemp(prefix="live-"))
        self.temporary.chmod(0o755)
        self._known: list[tuple[int, float]] = []
        self.process = subprocess.Popen(
            [COMMAND, "run", self._scenario, "--json", "--out", self.directory],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.note_family()
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        kill(self._known)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def note_family(self) -> list[tuple[int, float]]:
        """Remember all that it has started by now, servers and workers and theirs."""
        self._known = family(self.process.pid)
        return self._known

    def launched(self) -> list[Path]:
        """Its temporary directories."""
        return sorted(self.temporary.glob("harness-*"))

    def marked(self) -> list[int]:
        """The processes that carry the mark of one of its temporary directories."""
        return list(marked(self.temporary))

    def workers(self) -> dict[tuple[str, str], int]:
        """Its live workers: (namespace, worker) to pid."""
        (directory,) = self.launched()
        return workers_in(directory)

    def namespaces(self) -> list[str]:
        """Its trials, in no known order."""
        return sorted({namespace for namespace, _ in self.workers()})

    def histories(self) -> list[Path]:
        """The histories that it has begun."""
        return sorted((self.directory / "histories").glob("*.jsonl"))

    def has_recorded(self, kind: str) -> bool:
        """Whether there are histories, and an event of that kind in each one."""
        found = [f'"kind":{json.dumps(kind)}' in path.read_text() for path in self.histories()]
        return bool(found) and all(found)

    def finished(self) -> Ran:
        """What it came to, once it has ended."""
        out, err = self.process.communicate(timeout=60.0)
        assert "Traceback" not in err, err
        return Ran(self.process.returncode, out, err, self.directory)
