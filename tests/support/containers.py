"""Images, containers and networks of Docker, made by a test and gone after it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from secrets import token_hex
from shutil import copy, copytree, ignore_patterns, which
from tempfile import TemporaryDirectory

import pytest

from tests.support.network import ROOT

BASE = "difpeer-base:bookworm"
PEER, OPERATOR, LINK = "difpeer:test", "difpeer-operator:test", "difpeer-link:test"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""In the base: deploy/base-image.sh puts there what this machine trusts."""

PIP_SETTINGS = ("INDEX_URL", "EXTRA_INDEX_URL", "TRUSTED_HOST", "DEFAULT_TIMEOUT")
COMMAND_S = 600.0


def docker(*words: object, check: bool = True) -> str:
    """Run a command of Docker; returns what it prints."""
    return run("docker", *words, check=check)


def run(*words: object, check: bool = True, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [*map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        timeout=COMMAND_S,
        check=False,
    )
    if check and done.returncode != 0:
        pytest.fail(
            f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


@cache
def compose_program() -> tuple[str, ...]:
    """Compose v2, or docker-compose 1.29."""
    if (
        which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        return ("docker", "compose")
    if which("docker-compose"):
        return ("docker-compose",)
    pytest.fail("needs docker compose: Debian's package docker-compose")


def require_docker() -> None:
    """Fail with what is missing: these tests are never skipped where they are to run."""
    if os.geteuid() != 0:
        pytest.fail("needs root: it makes images and talks to Docker")
    if which("docker") is None:
        pytest.fail("needs docker: Debian's package docker.io")
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        pytest.fail("docker does not answer: start its service, see `docker version`")
    compose_program()


def _pip_settings() -> list[str]:
    """How this machine's pip reaches its index, as build arguments."""
    found = {name: os.environ.get(f"PIP_{name}") for name in PIP_SETTINGS}
    given = {f"PIP_{name}": value for name, value in found.items() if value} | {"PIP_CERT": CA_BUNDLE}
    return [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]


def build_images() -> None:
    """Build what the tests run; the base only where it is not there yet."""
    require_docker()
    if not docker("image", "ls", "--quiet", BASE):
        run(ROOT / "deploy" / "base-image.sh", BASE)
    base = ("--network", "host", "--build-arg", f"BASE_IMAGE={BASE}")
    environment = {"DOCKER_BUILDKIT": "0"}
    with private_copy() as sources:
        file = ("--file", sources / "deploy" / "Dockerfile")
        for target, tag in (("peer", PEER), ("operator", OPERATOR)):
            tagged = ("--target", target, "--tag", tag)
            run("docker", "build", *base, *_pip_settings(), *tagged, *file, sources, env=environment)
    run("docker", "build", *base, "--tag", LINK, ROOT / "deploy" / "link", env=environment)


@contextmanager
def private_copy() -> Iterator[Path]:
    """What images are made of, as in a clone that only its owner may read (umask 077)."""
    with TemporaryDirectory() as place:
        context = (ROOT / ".dockerignore").read_text().splitlines()
        parts = [line[1:] for line in context if line.startswith("!")]
        for name in (".dockerignore", "deploy/Dockerfile", *parts):
            source, target = ROOT / name, Path(place) / name
            target.parent.mkdir(exist_ok=True)
            if source.is_dir():
                copytree(source, target, ignore=ignore_patterns("__pycache__"))
            else:
                copy(source, target)
        run("chmod", "-R", "go=", place)
        yield Path(place)


def size_of(image: str) -> int:
    """Bytes of an image with all its layers."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


@dataclass(frozen=True)
class Project:
    """A project of Compose.

    Attributes
    ----------
    name : str
        Of the project; its default network and its volumes are called after it.
    file : Path
        The compose file.
    environment : mapping of str to str
        For the variables in the file.
    """

    name: str
    file: Path
    environment: Mapping[str, str]

    def __call__(self, *words: object, check: bool = True) -> str:
        """Run a command of Compose on it."""
        return run(*self.command(*words), check=check, env=self.environment)

    def command(self, *words: object) -> tuple[str, ...]:
        """Return its command line."""
        return (*compose_program(), "--project-name", self.name, "--file", str(self.file), *map(str, words))

    def container(self, service: str) -> str:
        """Id of a service's container, also when it has ended."""
        # `ps --quiet` of Compose v2 leaves out what has ended.
        filters = (
            f"label=com.docker.compose.project={self.name}",
            f"label=com.docker.compose.service={service}",
        )
        found = docker(
            "ps", "--all", "--quiet", *(word for one in filters for word in ("--filter", one))
        ).split()
        assert len(found) == 1, f"{service}: {found}"
        return found[0]

    def address(self, service: str) -> str:
        """A container's address in the project's network, which this machine reaches."""
        networks = json.loads(
            docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", self.container(service))
        )
        (only,) = networks.values()
        assert only["IPAddress"], networks
        return str(only["IPAddress"])


@contextmanager
def composed(file: Path, environment: Mapping[str, str]) -> Iterator[Project]:
    """A project of its own name, which leaves nothing."""
    project = Project(f"difpeer-test-{token_hex(4)}", file, environment)
    try:
        yield project
    finally:
        project("down", "--volumes", "--timeout", "10", "--remove-orphans")
        label = f"label=com.docker.compose.project={project.name}"
        for kind in ("container", "network", "volume"):
            every = ("--all",) if kind == "container" else ()
            assert not docker(kind, "ls", "--quiet", *every, "--filter", label), kind
