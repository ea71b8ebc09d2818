"""The command as users have it: run in this process, or in a child that can be killed."""

import json
import os
import random
import select
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.app.cli import main
from saddle.game import checkpoint

TINY = ("--threads", "1", "--batch", "8", "--z_dim", "4", "--hidden", "16", "--width", "4")
"""Settings of games that are over at once."""

CHILDREN = """
import json, os, resource, sys
import torch
torch.set_num_threads(1)
from saddle.app.cli import main
import saddle.app.curves, saddle.app.gallery, saddle.app.pictures, saddle.app.session, saddle.recipes.classic.dcgan
import matplotlib.backends.backend_agg, matplotlib.figure, matplotlib.font_manager, sklearn.datasets
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(order["cwd"])
            for place, name in enumerate((os.devnull, order["out"], order["err"])):
                os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), place)
            if order["most"]:
                resource.setrlimit(resource.RLIMIT_FSIZE, (order["most"], resource.RLIM_INFINITY))
            status = main(order["words"])
            sys.stdout.flush()
            os._exit(status)
        finally:
            os._exit(70)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Has torch imported once, and forks a real process for each command line that it is sent."""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of standard output, which must be one document."""
        return json.loads(self.out)


class Child:
    """A command in a process of its own."""

    def __init__(self, server: Any, cwd: Path, words: tuple[object, ...], most: int) -> None:
        self._server, self._files = server, (cwd / ".out", cwd / ".err")
        order = {"cwd": str(cwd), "words": [str(word) for word in words], "most": most}
        order |= {"out": str(self._files[0]), "err": str(self._files[1])}
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())

    def until(self, holds: Callable[[], bool], patience: float = 0.0) -> bool:
        """Wait until it is so, and ``patience`` seconds more; False if the process ended before."""
        while not holds():
            if select.select([self._server.stdout], [], [], 0.003)[0]:
                return False
        return not select.select([self._server.stdout], [], [], patience)[0]

    def end(self, number: int | None = None) -> Said:
        """Send it a signal, if one is given, and wait for its end."""
        if number is not None:
            os.kill(self.pid, number)
        status = int(self._server.stdout.readline())
        return Said(status, *(file.read_text(encoding="utf-8") for file in self._files))


@pytest.fixture
def saddle(capfd, tmp_path, monkeypatch):
    """``saddle("train", "gan", ...)`` runs the command in this process and in a new folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capfd.readouterr()
        status = main([str(word) for word in words])
        return Said(status, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def _server():
    command = [sys.executable, "-c", CHILDREN]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, bufsize=1, env=environment) as server:
        yield server
        server.stdin.close()


@pytest.fixture
def child(_server, tmp_path):
    """``child("train", ...)`` begins the command in a process of its own: one at a time."""
    return lambda *words, most=0: Child(_server, tmp_path, words, most)


@pytest.fixture(scope="session")
def images():
    """``images(folder, n)`` writes n small random pictures, half of them in each of two sub-folders."""

    def write(folder, n=24, size=16, seed=0):
        numbers = np.random.default_rng(seed)
        for i in range(n):
            name = folder / "ab"[i % 2] / f"{i:02d}.png"
            name.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(numbers.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(name)
        return folder

    return write


@pytest.fixture(scope="session")
def tiny():
    """The flags of games that are over at once."""
    return TINY


@pytest.fixture(scope="session")
def final():
    """``final(run)``: all tensors of a run's newest checkpoint, and its facts."""

    def read(run):
        path, complaints = checkpoint.newest(Path(run) / "checkpoints")
        assert complaints == []
        return checkpoint.read(path)

    return read


@pytest.fixture(scope="session")
def same(final):
    """``same(run, other)``: whether two runs ended in the same state, bit for bit; says what differs."""

    def compare(run, other):
        (ours, facts), (theirs, facts_too) = final(run), final(other)
        assert facts == facts_too
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
        return True

    return compare


@pytest.fixture(scope="session")
def log():
    """``log(run)``: the rows of log.jsonl without the time, which never repeats."""

    def read(run):
        file = Path(run) / "log.jsonl"
        lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []  # the last may not be whole yet
        return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]

    return read


@pytest.fixture
def chance(request):
    """Random numbers that are the same for the same test."""
    return random.Random(request.node.name)


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    """A run on points with two checkpoints, and one on images in a folder."""
    root = tmp_path_factory.mktemp("trained")
    tiny = ["--threads", "1", "--batch", "4", "--z_dim", "4", "--hidden", "8", "--width", "4"]
    numbers = np.random.default_rng(0)
    (root / "pictures").mkdir()
    for i in range(4):
        Image.fromarray(numbers.integers(0, 256, (16, 16), dtype=np.uint8)).save(root / "pictures" / f"{i}.png")
    points = ["train", "gan", "--data", "ring8", "--rounds", "4", "--checkpoint_every", "2"]
    images = ["train", "dcgan", "--data", str(root / "pictures"), "--rounds", "1"]
    assert main([*points, "--out", str(root / "points"), *tiny]) == 0
    assert main([*images, "--out", str(root / "images"), *tiny]) == 0
    return root


@pytest.fixture
def refused(saddle, _trained):
    """``refused(make)`` runs the command line that ``make`` says, and checks that it ends with a line to help the user.

    ``make(runs)`` prepares the input in an empty folder with copies of two runs, ``runs/points`` and ``runs/images``.
    It returns the words of the command and what its complaint must name.
    """

    def contents():
        files = [path for path in Path("runs").rglob("*") if path.is_file() and path.name != ".lock"]
        return {path: path.read_bytes() for path in files}

    def check(make):
        shutil.copytree(_trained, "runs")
        words, named = make(Path("runs"))
        before = contents()
        said = saddle(*words)
        assert said.status in (1, 2), said
        assert not any(sign in said.err for sign in ("Traceback", "internal error", "SADDLE_DEBUG"))
        lines = said.err.strip().splitlines()
        complaint = [line for line in lines if line.startswith("saddle: ")]
        assert len(complaint) == 1 and str(named) in complaint[0], said.err
        assert len(lines) <= 2 and len(said.err) < 1200  # a run says what it is about to do, before it finds this out
        assert said.out == "" and not Path("new/checkpoints").exists()
        assert contents() == before
        return True

    return check
