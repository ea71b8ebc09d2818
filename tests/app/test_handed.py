"""``saddle push`` and ``saddle pull``: a run in another folder, or behind a Hub, makes the same samples."""

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch

import saddle as library
from saddle.app.cli import main
from saddle.game import checkpoint


@pytest.fixture(scope="module")
def trained(tmp_path_factory, images, tiny):
    """``trained/dcgan`` on a folder of pictures, measured as it went, ``trained/cgan`` and ``trained/gan``."""
    root = tmp_path_factory.mktemp("handed")
    pictures = str(images(root / "secret-place" / "pictures"))
    few = ["--rounds", "2", "--seed", "3", *tiny]
    assert main(["train", "dcgan", "--data", pictures, "--out", str(root / "dcgan"), *few]) == 0
    assert main(["train", "cgan", "--data", "digits", "--size", "16", "--out", str(root / "cgan"), *few]) == 0
    assert main(["train", "gan", "--data", "ring8", "--out", str(root / "gan"), *few]) == 0
    return root


def drawn(saddle, run, name="x.npy", *more):
    said = saddle("sample", run, "-n", 6, "--seed", 5, "--out", name, *more)
    assert said.status == 0, said.err
    return np.load(name)


@pytest.mark.parametrize("name", ["dcgan", "cgan", "gan"])
def test_what_is_fetched_makes_the_same_samples(saddle, trained, name):
    pushed = saddle("push", trained / name, "shelf", "--json")
    assert pushed.status == 0, pushed.err
    assert pushed.json["files"] == ["config.json", "model.safetensors", "README.md", "samples.png"]
    pulled = saddle("pull", "shelf", "--json")
    assert pulled.status == 0, pulled.err
    assert pulled.json["run"] == "runs/shelf" and pulled.json["round"] == 2
    for more in ((), ("--live",)):
        assert np.array_equal(
            drawn(saddle, "runs/shelf", "x.npy", *more), drawn(saddle, trained / name, "y.npy", *more)
        )
    assert torch.equal(library.load("runs/shelf").sample(6, seed=5), torch.from_numpy(drawn(saddle, trained / name)))


def test_a_fetched_run_is_measured_like_the_one_it_was(saddle, trained):
    assert saddle("push", trained / "gan", "shelf").status == 0
    words = ("evaluate", "--real", "ring8", "-n", 100, "--measures", "kid,modes", "--json", "--fake")
    ours, theirs = saddle(*words, trained / "gan"), saddle(*words, "shelf")
    assert ours.status == theirs.status == 0, theirs.err
    for name, entry in ours.json["measures"].items():
        assert entry["value"] == theirs.json["measures"][name]["value"]


def test_only_what_samples_are_made_with_is_handed_on(saddle, trained):
    """No optimiser, no random numbers, and no word of where the user's files lie."""
    assert saddle("push", trained / "dcgan", "shelf").status == 0
    tensors, facts = checkpoint.read(Path("shelf/model.safetensors"))
    assert {name.split("/")[1] for name in tensors} == {"module", "average"} and facts["round"] == 2
    for file in Path("shelf").iterdir():
        assert b"secret-place" not in file.read_bytes() and str(trained).encode() not in file.read_bytes()
    assert json.loads(Path("shelf/config.json").read_text())["options"]["data"] == "pictures"


def test_the_card_says_what_it_is_and_how_good(saddle, trained):
    said = saddle(
        "evaluate", "--real", "ring8", "--fake", trained / "gan", "-n", 100, "--measures", "kid", "--out", "c.json"
    )
    assert said.status == 0, said.err
    kid = json.loads(Path("c.json").read_text())["measures"]["kid"]["value"]
    assert saddle("push", trained / "gan", "shelf", "--card", "c.json").status == 0
    card = Path("shelf/README.md").read_text(encoding="utf-8")
    for words in ("# gan on ring8", "![samples](samples.png)", "Goodfellow", "2 rounds", f"| kid | {kid:.4g} |"):
        assert words in card
    command = next(line for line in card.splitlines() if line.startswith("$ saddle train gan"))
    assert "--rounds 2" in command and "--seed 3" in command
    assert saddle(*command.split()[2:], "--out", "again").status == 0
    assert np.array_equal(drawn(saddle, "again"), drawn(saddle, "shelf", "y.npy"))


def test_the_line_that_the_makers_of_the_data_ask_for_is_on_the_card(saddle, trained):
    config = json.loads((trained / "cgan" / "config.json").read_text())
    Path("run/checkpoints").mkdir(parents=True)
    newest = checkpoint.saved(trained / "cgan" / "checkpoints")[-1]
    Path("run/checkpoints", newest.name).write_bytes(newest.read_bytes())
    config["data"]["licence"] = "All by somebody. License: CC BY-SA 4.0"
    Path("run/config.json").write_text(json.dumps(config))
    assert saddle("push", "run", "shelf").status == 0
    assert "All by somebody. License: CC BY-SA 4.0" in Path("shelf/README.md").read_text(encoding="utf-8")


def damaged(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9] + b"\xff" * 9)


def widened(folder):
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["hidden"] = 17
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("spoil, told", [(damaged, "checksum"), (widened, "this game has")])
def test_what_is_damaged_is_refused_and_leaves_nothing(saddle, trained, spoil, told):
    assert saddle("push", trained / "gan", "shelf").status == 0
    spoil(Path("shelf"))
    said = saddle("pull", "shelf", "--out", "new")
    assert (said.status, said.out) == (2, "") and told in said.err
    assert sorted(path.name for path in Path().iterdir()) == ["shelf"]


def test_mistakes_are_a_line_each(saddle, trained):
    Path("full").mkdir()
    Path("full/mine.txt").touch()
    assert saddle("push", trained / "gan", "shelf").status == 0
    for words, told in {
        ("push", trained / "gan", "full"): "expected a new or empty folder",
        ("push", trained / "gan", "x", "--public"): "expected a repository on the Hub",
        ("push", trained / "gan", "x", "--card", "full/mine.txt"): "expected a scorecard",
        ("pull", "full"): "expected USER/NAME on the Hub, or a folder",
        ("pull", "shelf", "--out", "full"): "expected a folder that does not exist yet",
        ("pull", "shelf", "--revision", "main"): "expected a repository on the Hub",
        ("train", "--resume", "shelf", "--rounds", 9): "expected a run that was trained here",
    }.items():
        said = saddle(*words)
        assert (said.status, said.out) == (2, ""), words
        assert told in said.err and len(said.err.strip().splitlines()) == 1


def test_without_the_package_a_folder_is_offered(saddle, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for words in (("push", trained / "gan", "someone/gan"), ("pull", "someone/gan")):
        said = saddle(*words)
        assert said.status == 2 and "pip install 'saddle-gan[hub]'" in said.err and "./someone/gan" in said.err


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as one commit and one download ask for; files lie in the server's dictionary."""

    def reply(self, document, status=200, headers=()):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "X-Repo-Commit": "c" * 40, **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, files = urlsplit(self.path).path, self.server.files
        if path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self.reply({"url": f"{self.server.url}/someone/gan"})
        elif path == "/api/validate-yaml":
            self.reply({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            asked = json.loads(body)["files"]
            self.reply({"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]})
        elif "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.reply({"commitUrl": f"{self.server.url}/someone/gan/commit/{'c' * 40}", "commitOid": "c" * 40})
        else:
            self.reply({}, 404)

    def do_GET(self):
        path, files = urlsplit(self.path).path, self.server.files
        name = path.rpartition("/")[2]
        if path.startswith("/api/models/someone/gan") and files:
            listed = [
                {"rfilename": name, "type": "file", "path": name, "size": len(x), "oid": "a"}
                for name, x in files.items()
            ]
            self.reply(listed if "/tree/" in path else {"id": "someone/gan", "sha": "c" * 40, "siblings": listed})
        elif "/resolve/" in path and name in files:
            self.reply(files[name], headers={"ETag": f'"{name}"'})
        else:
            self.reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    """A Hub on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.files, server.created, server.url = {}, [], f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_the_way_over_the_hub_and_back(saddle, trained, hub, tmp_path):
    """By the real client, in processes of their own, because it reads the Hub's address when it is imported."""
    pytest.importorskip("huggingface_hub")
    mine = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_x", "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}

    def run(*words):
        command = [sys.executable, "-m", "saddle", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | mine)

    gone = run("pull", "someone/gan")
    assert gone.returncode == 2 and len(gone.stderr.strip().splitlines()) == 1, gone.stderr
    pushed = run("push", trained / "gan", "someone/gan", "--json")
    assert pushed.returncode == 0, pushed.stderr
    assert json.loads(pushed.stdout)["files"] == sorted(hub.files, key=json.loads(pushed.stdout)["files"].index)
    (created,) = hub.created
    assert created["name"] == "gan" and "private" in (
        created.get("visibility"),
        *(k for k, v in created.items() if v is True),
    )
    pulled = run("pull", "someone/gan")
    assert pulled.returncode == 0, pulled.stderr
    assert sorted(path.name for path in Path("runs/gan").iterdir()) == sorted(hub.files)
    assert np.array_equal(drawn(saddle, "runs/gan"), drawn(saddle, trained / "gan", "y.npy"))
