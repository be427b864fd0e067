"""The image, from its Dockerfile: built by a Docker engine where one answers, or step by step in a folder.

The folder is a root file system of its own: this machine's, under an overlay that takes what is written, without home
directories, the checkout and what lies beside it. `FROM` becomes a Python of its own in /usr/local; every other step is
done as it stands, with the same commands, files, variables, user and order. What a folder cannot show is that the base
image has what the steps use, and what the engine itself does.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.copies import ROOT

_HEREDOC = re.compile(r"<<'(\w+)'")
_BUILD_TIMEOUT_S = 900
"""Of one step, on a machine that does much else."""
_RUN_TIMEOUT_S = 120
_TAG = "wallet:of-the-tests"


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile, its lines joined; `text` is what a heredoc holds."""

    instruction: str
    rest: str
    text: str | None = None

    @property
    def words(self) -> list[str]:
        return shlex.split(self.rest)


def steps(dockerfile: str) -> Iterator[Step]:
    """Read the instructions in their order."""
    lines = iter(dockerfile.splitlines())
    for first in lines:
        line = first
        if not line.strip() or line.startswith("#"):
            continue
        while line.endswith("\\"):
            line = line[:-1] + next(lines)
        instruction, rest = line.split(maxsplit=1)
        if marker := _HEREDOC.search(rest):
            text = "".join(f"{held}\n" for held in iter(lambda: next(lines), marker[1]))
            yield Step(instruction, rest, text)
        else:
            yield Step(instruction, rest)


@dataclass(slots=True)
class Stage:
    """One stage of the build, and with the last one the image: a folder, and what its steps have set."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def written(self) -> Path:
        """What lies above this machine's files."""
        return self.folder / "written"

    def within(
        self,
        script: str,
        *,
        mounts: dict[str, Path] | None = None,
        user: str = "root",
        environment: dict[str, str] | None = None,
        read_only: bool = False,
    ) -> list[str]:
        """Give the command that runs a shell script in this root file system; several may, of one that is read-only."""
        root, work = self.folder / "root", self.folder / "work"
        for made in (root, work, self.written):
            made.mkdir(exist_ok=True)
        over = f"lowerdir=/,upperdir={self.written},workdir={work}"
        if read_only:
            over = f"ro,lowerdir=/,upperdir={self.written},workdir={tempfile.mkdtemp(dir=self.folder)}"
        hidden = [path for path in (Path.home(), Path("/home"), ROOT) if path.exists()]
        python = Path(sys.base_prefix)
        mounting = [
            f"mount -t overlay overlay -o {over} {root}",
            *(f"mount -t tmpfs -o mode=755 tmpfs {root}{path}" for path in hidden),
            f"mount --bind /dev {root}/dev",
            f"mount -t proc proc {root}/proc",
        ]
        if any(python.is_relative_to(path) for path in hidden):
            mounting += [f"mkdir -p {root}{python}", f"mount --bind {python} {root}{python}"]
        for target, source in (mounts or {}).items():
            mounting += [f"mkdir -p {root}{target}", f"mount --bind {source} {root}{target}"]
        if read_only:
            mounting.append(f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp")  # noqa: S108 - the container's own
        variables = " ".join(
            shlex.quote(f"{name}={value}") for name, value in (self._variables() | (environment or {})).items()
        )
        userspec = "" if user == "root" else f"--userspec={user}:{user} "
        inside = f"cd {self.directory} && exec {script}"
        entering = f"exec chroot {userspec}{root} /usr/bin/env -i {variables} /bin/sh -ec {shlex.quote(inside)}"
        return ["unshare", "--mount", "--propagation=private", "/bin/sh", "-ec", "\n".join([*mounting, entering])]

    def _variables(self) -> dict[str, str]:
        of_this_machine = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "UV_", "SSL_")) and name != "PIP_REQUIRE_VIRTUALENV"
        }
        path = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}
        return of_this_machine | path | self.environment


class Image:
    """What was built, as something to run: read-only but for /tmp, on this machine's network."""

    entrypoint: list[str]
    command: list[str]
    health: list[str]
    """What its health check runs in it."""
    stop_signal: signal.Signals

    def run(self, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start its entry point, with these arguments or its own."""
        return self.start([*self.entrypoint, *(arguments or self.command)], environment)

    def execute(self, command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command in place of the entry point, to its end."""
        process = self.start(command, environment)
        out, err = process.communicate(timeout=_RUN_TIMEOUT_S)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start a command in place of the entry point."""
        return subprocess.Popen(
            self._in_container(command, environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _in_container(self, command: list[str], environment: dict[str, str]) -> list[str]:
        raise NotImplementedError


class FolderImage(Image):
    """The last stage of what was built in a folder."""

    def __init__(self, stage: Stage) -> None:
        self.entrypoint, self.command, self.health = stage.entrypoint, stage.command, stage.health
        self.stop_signal = stage.stop_signal
        self._stage = stage

    def _in_container(self, command: list[str], environment: dict[str, str]) -> list[str]:
        return self._stage.within(shlex.join(command), user=self._stage.user, environment=environment, read_only=True)


class EngineImage(Image):
    """What a Docker engine has built."""

    def __init__(self) -> None:
        docker("build", "--tag", _TAG, str(ROOT))
        (told,) = json.loads(docker("image", "inspect", _TAG))
        config = told["Config"]
        self.entrypoint, self.command = config["Entrypoint"], config["Cmd"]
        self.health = config["Healthcheck"]["Test"][1:]
        self.stop_signal = signal.Signals[config["StopSignal"]]

    def _in_container(self, command: list[str], environment: dict[str, str]) -> list[str]:
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        run = ["docker", "run", "--rm", "--network=host", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", *variables]
        return [*run, f"--entrypoint={command[0]}", _TAG, *command[1:]]


@contextmanager
def build(folder: Path) -> Iterator[Image]:
    """Build the image: by a Docker engine where one answers, in the folder elsewhere.

    Raises:
        RuntimeError: A step has failed, or is one that is not known here.
    """
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        yield EngineImage()
        docker("image", "rm", _TAG)
        return
    with ThreadPoolExecutor() as pool:
        done: dict[str, Future[Stage]] = {}
        for name, its_steps in _stages().items():
            done[name] = pool.submit(_make, Stage(folder / name), its_steps, dict(done))
        stages = [made.result() for made in done.values()]
    yield FolderImage(stages[-1])


def _stages() -> dict[str, list[Step]]:
    """Read the stages by name, the last one's among them, each with the steps after its FROM."""
    found: dict[str, list[Step]] = {}
    of_stage: list[Step] = []
    for step in steps((ROOT / "Dockerfile").read_text()):
        if step.instruction == "FROM":
            _, *named = step.words
            of_stage = found[named[1] if named[:1] == ["AS"] else "last"] = []
        else:
            of_stage.append(step)
    return found


def _make(stage: Stage, its_steps: list[Step], before: Mapping[str, Future[Stage]]) -> Stage:
    """Do the steps of a stage, beside those of the stages before it, as an engine does."""
    stage.folder.mkdir()
    _command(stage, f"{sys.base_prefix}/bin/python3 -m venv /usr/local")
    for step in its_steps:
        _do(step, stage, before)
    return stage


def docker(*arguments: str) -> str:
    """Ask the engine."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"docker {arguments[0]}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _do(step: Step, stage: Stage, before: Mapping[str, Future[Stage]]) -> None:  # noqa: C901 - a match over every instruction
    match step.instruction:
        case "ENV":
            stage.environment |= dict(word.split("=", 1) for word in shlex.split(_filled(step.rest, stage)))
        case "ARG":
            stage.arguments |= dict(word.split("=", 1) for word in step.words)
        case "WORKDIR":
            stage.directory = step.rest
            (stage.written / step.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(step, stage)
        case "RUN":
            _run(step, stage, before)
        case "USER":
            stage.user = step.rest
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(step.rest)
        case "CMD":
            stage.command = json.loads(step.rest)
        case "HEALTHCHECK":
            stage.health = json.loads(step.rest.partition(" CMD ")[2])
        case "STOPSIGNAL":
            stage.stop_signal = signal.Signals[step.rest]
        case "EXPOSE":
            pass
        case other:
            raise RuntimeError(f"a step that nobody knows: {other}")


def _copy(step: Step, stage: Stage) -> None:
    options = [word for word in step.words if word.startswith("--")]
    *sources, target = [word for word in step.words if not word.startswith(("--", "<<"))]
    place = stage.written / os.path.join(stage.directory, target).lstrip("/")  # noqa: PTH118 - an absolute one wins
    if step.text is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(step.text)
    for source in sources:
        there = place / Path(source).name if target.endswith("/") else place
        there.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / source, there)
    for option in options:
        (mode,) = re.findall(r"--chmod=(\d+)", option)
        place.chmod(int(mode, 8))


def _run(step: Step, stage: Stage, before: Mapping[str, Future[Stage]]) -> None:
    script, mounts = step.rest, {}
    if mount := re.match(r"--mount=(\S+) ", script):
        given: dict[str, Any] = dict(part.split("=", 1) for part in mount[1].split(","))
        mounts[given["target"]] = before[given["from"]].result().written / given["source"].lstrip("/")
        script = script[mount.end() :]
    _command(stage, _filled(script, stage), mounts=mounts)


def _filled(text: str, stage: Stage) -> str:
    """Put what a build is told into a step."""
    for name, value in stage.arguments.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _command(stage: Stage, script: str, *, mounts: dict[str, Path] | None = None) -> None:
    done = subprocess.run(
        stage.within(script, mounts=mounts), capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{script}\n{done.stdout}\n{done.stderr}")
