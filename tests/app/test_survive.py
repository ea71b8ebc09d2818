"""Runs that survive: kill -9 at any moment, a full disk, a folder that cannot be written."""

import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from saddle.game import checkpoint

POINTS = ("train", "gan", "--data", "ring8")
DIGITS = ("--data", "digits", "--size", 16)
GAMES = {
    "gan, noise and step sizes that fall, large checkpoints": (
        *POINTS, "--instance_noise", 0.3, "--instance_noise_images", 600, "--decay_from", 200, "--decay_until", 900,
        "--hidden", 300,
    ),
    "dcgan, mirrored images in epochs": ("train", "dcgan", *DIGITS, "--mirror"),
    "began, a control variable": ("train", "began", *DIGITS),
    "gan, dropout": ("train", "gan", *DIGITS, "--network", "goodfellow"),
    "wgan-gp, optimistic": ("train", "wgan-gp", "--data", "moons", "--n_critic", 1, "--dynamics", "optimistic"),
    "cgan, labels": ("train", "cgan", *DIGITS, "--optimizer", "rmsprop"),
    "vae, one player": ("train", "vae", *DIGITS),
}  # fmt: skip
KILLS, NEVER_REACHED = 3, 100_000
OFTEN = ("--log_every", 1, "--checkpoint_every", 3)


def reached_by(log, run, goal, writing):
    """Whether a run's log has so many lines and, if ``writing``, a checkpoint is half written."""
    return len(log(run)) >= goal and not (writing and not any((run / "checkpoints").glob(".*.part")))


def survive(child, log, tmp_path, chance, words, kills):
    """Kill a run so many times, each some lines of its log after the last; returns a number of rounds beyond them all.

    It is asked for far more rounds than that, so that it cannot come to its end while nobody looks.
    """
    killed = tmp_path / "killed"
    for kill in range(kills):
        start = ("--resume", "killed") if kill else (*words[1:], "--out", "killed")
        running = child("train", *start, "--rounds", NEVER_REACHED, *OFTEN)
        goal = len(log(killed)) + chance.randint(1, 20)
        # every other kill comes while a checkpoint is being written
        due = partial(reached_by, log, killed, goal, writing=kill % 2 == 1)
        alive = running.until(due, patience=chance.random() * 0.003)
        said = running.end(signal.SIGKILL if alive else None)
        assert alive and said.status == -signal.SIGKILL, said.err
    return len(log(killed)) + 10


def go_on(child, rounds):
    said = child("train", "--resume", "killed", "--rounds", rounds, *OFTEN).end()
    assert said.status == 0, said.err


def straight(child, tmp_path, words, rounds):
    """The run that nobody kills, which also saves and looks at other rounds."""
    said = child(*words, "--out", "straight", "--rounds", rounds, "--log_every", 1, "--checkpoint_every", 17).end()
    assert said.status == 0, said.err


def check(tmp_path, log, same):
    assert same(tmp_path / "killed", tmp_path / "straight")
    assert log(tmp_path / "killed") == log(tmp_path / "straight")  # every round once, with the same terms
    assert list((tmp_path / "killed").rglob("*.part")) == []


def test_three_kills_leave_no_trace(child, log, same, tmp_path, chance, tiny):
    words = (*POINTS, *tiny)
    rounds = survive(child, log, tmp_path, chance, words, KILLS)
    go_on(child, rounds)
    straight(child, tmp_path, words, rounds)
    check(tmp_path, log, same)


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
def test_kills_leave_no_trace_in_any_kind_of_game(child, log, same, tmp_path, chance, tiny, name):
    """At least 20 kills over all: weights, averages, optimisers, random numbers, data order, controls, schedules."""
    words = (GAMES[name][0], GAMES[name][1], *tiny, *GAMES[name][2:])
    rounds = survive(child, log, tmp_path, chance, words, KILLS)
    go_on(child, rounds)
    straight(child, tmp_path, words, rounds)
    check(tmp_path, log, same)


def test_the_kills_are_enough():
    assert KILLS * len(GAMES) >= 20


# A disk that is full, or cannot be written


def begun(child, tmp_path, tiny, folder="killed"):
    """A run of six rounds, and the bytes of its checkpoints."""
    said = child(*POINTS, *tiny, "--rounds", 6, *OFTEN, "--out", folder).end()
    assert said.status == 0, said.err
    return {path: path.read_bytes() for path in checkpoint.saved(tmp_path / folder / "checkpoints")}


def refused(said, part):
    """It failed with a line that names the file, after those that every run prints; returns it."""
    assert said.status == 1, said.err
    assert "Traceback" not in said.err
    complaint = [line for line in said.err.splitlines() if line.startswith("saddle: ")]
    assert len(complaint) == 1 and part in complaint[0]
    return complaint[0]


@pytest.mark.slow
def test_a_file_that_may_not_grow_costs_nothing(child, log, same, tmp_path, tiny):
    kept = begun(child, tmp_path, tiny)
    limit = max(len(held) for held in kept.values()) - 100  # no further checkpoint fits
    said = child("train", "--resume", "killed", "--rounds", 12, *OFTEN, "--json", most=limit).end()
    assert "File too large" in refused(said, "killed")
    assert said.json["stopped"] == "failed" and said.json["checkpoint"] == "round-000000006.safetensors"
    assert {path: path.read_bytes() for path in checkpoint.saved(tmp_path / "killed" / "checkpoints")} == kept
    go_on(child, 12)
    straight(child, tmp_path, (*POINTS, *tiny), 12)
    check(tmp_path, log, same)


@pytest.fixture
def disk(tmp_path):
    """A disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root may mount a small disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "saddle-test", folder], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.slow
def test_a_full_disk_costs_nothing(child, log, same, tmp_path, tiny, disk):
    kept = begun(child, tmp_path, tiny, "disk/killed")
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        fill(ballast)
    said = child("train", "--resume", "disk/killed", "--rounds", 12, *OFTEN, "--json").end()
    assert "No space left on device" in refused(said, "disk/killed")
    assert {path: path.read_bytes() for path in checkpoint.saved(disk / "killed" / "checkpoints")} == kept
    assert [row["round"] for row in log(disk / "killed")][:6] == [1, 2, 3, 4, 5, 6]
    ballast.unlink()
    said = child("train", "--resume", "disk/killed", "--rounds", 12, *OFTEN).end()
    assert said.status == 0, said.err
    straight(child, tmp_path, (*POINTS, *tiny), 12)
    assert same(disk / "killed", tmp_path / "straight")
    assert log(disk / "killed") == log(tmp_path / "straight")


@pytest.mark.slow
def test_a_disk_that_can_only_be_read(child, tmp_path, tiny, disk, saddle):
    kept = begun(child, tmp_path, tiny, "disk/killed")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for words in (("--resume", "disk/killed"), ("gan", "--data", "ring8", *tiny, "--out", "disk/new")):
        said = saddle("train", *words, "--rounds", 12)
        assert said.status in (1, 2) and "Read-only file system" in said.err and "Traceback" not in said.err
    assert saddle("sample", "disk/killed", "--out", "x.npy").status == 0
    assert {path: path.read_bytes() for path in checkpoint.saved(disk / "killed" / "checkpoints")} == kept


def test_a_folder_that_cannot_be_made(saddle, tiny):
    Path("file").write_text("hello")
    for out in ("/dev/null/run", "file/run", "file"):
        said = saddle(*POINTS, *tiny, "--rounds", 1, "--out", out)
        assert said.status == 2 and out.partition("/run")[0] in said.err.splitlines()[-1]
        assert "Traceback" not in said.err
    assert Path("file").read_text() == "hello"
