"""Other people's weights: where they are looked for, how they are known, and what is refused."""

import os
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from saddle.evaluation.features.weights import digest, file_hash, load_into, loaded, read, resolve

NAMES = ["net-0123.pth", "other-name.pth"]


class Trap:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine on which no weights lie anywhere: its home."""
    for name in ("SADDLE_WEIGHTS", "HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def weights(path, bias=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weight": torch.eye(2), "bias": torch.full((2,), bias)}, path)
    return path


@pytest.mark.parametrize("known", [slice(None), slice(8)])
def test_a_given_file_is_known_by_its_hash_or_the_first_digits_of_it(nowhere, known):
    path = weights(nowhere / "mine.pth")
    assert resolve(NAMES, [file_hash(path)[known]], path) == (path, file_hash(path))


def test_a_damaged_file_is_refused_by_its_hash(nowhere):
    path = weights(nowhere / "mine.pth")
    right = file_hash(path)
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)
    with pytest.raises(
        ValueError, match=r"mine\.pth has sha256 .* damaged or another file.*expected net-0123\.pth"
    ) as e:
        resolve(NAMES, [right], path)
    assert right[:16] in str(e.value)


@pytest.mark.parametrize("name", NAMES)
def test_each_usual_place_is_looked_into_under_every_name(nowhere, monkeypatch, name):
    """The variable's folder goes before torch hub's, which goes before the Hugging Face Hub's cache."""
    in_hf = nowhere / "cache" / "huggingface" / "hub" / "models--a--b" / "snapshots" / "1" / name
    places = [in_hf, nowhere / "torch" / "hub" / "checkpoints" / name, nowhere / "chosen" / name]
    monkeypatch.setenv("SADDLE_WEIGHTS", str(nowhere / "chosen"))
    for place in places:
        weights(place)
        assert resolve(NAMES, [], repos=["a/b"])[0] == place


def test_a_large_file_in_the_hubs_cache_is_found_by_its_hash_alone(nowhere):
    path = weights(nowhere / "x.pth")
    right = file_hash(path)
    blob = nowhere / "cache" / "huggingface" / "hub" / "models--a--b" / "blobs" / right
    blob.parent.mkdir(parents=True)
    path.rename(blob)
    assert resolve(NAMES, [right[:10]]) == (blob, right)


def test_a_wrong_file_in_one_place_does_not_hide_the_right_one_in_the_next(nowhere, monkeypatch):
    monkeypatch.setenv("SADDLE_WEIGHTS", str(nowhere / "chosen"))
    weights(nowhere / "chosen" / NAMES[0], bias=2.0)
    right = weights(nowhere / "torch" / "hub" / "checkpoints" / NAMES[0])
    assert resolve(NAMES, [file_hash(right)])[0] == right


def test_an_absent_file_is_told_with_names_hash_and_places(nowhere):
    with pytest.raises(ValueError, match="Nothing is downloaded") as error:
        resolve(NAMES, ["0123456789abcdef0123"])
    for part in (*NAMES, "0123456789abcdef...", "SADDLE_WEIGHTS", str(nowhere / "torch" / "hub" / "checkpoints")):
        assert part in str(error.value)


def test_a_path_that_is_not_there_is_told(nowhere):
    with pytest.raises(ValueError, match=r"weights=.*gone\.pth: expected a file that exists"):
        resolve(NAMES, [], nowhere / "gone.pth")


def test_a_given_folder_is_looked_into(nowhere):
    path = weights(nowhere / "held" / NAMES[1])
    assert resolve(NAMES, [], nowhere / "held")[0] == path


def test_torch_files_and_safetensors_hold_the_same(tmp_path):
    weights(tmp_path / "a.pth")
    save_file({"weight": torch.eye(2), "bias": torch.ones(2)}, tmp_path / "a.safetensors")
    torch.save({"epoch": 3, "state_dict": {"weight": torch.eye(2), "bias": torch.ones(2)}}, tmp_path / "nested.pth")
    assert len({digest(read(tmp_path / name)) for name in ("a.pth", "a.safetensors", "nested.pth")}) == 1


def test_a_file_with_an_object_in_it_is_refused_without_running_it(tmp_path):
    torch.save({"weight": Trap(tmp_path / "sprung")}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="named tensors"):
        read(tmp_path / "evil.pth")
    assert not (tmp_path / "sprung").exists()


def test_programs_are_refused_in_words(tmp_path):
    (tmp_path / "inception.pkl").write_bytes(b"whatever")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/code/__torch__.py", "def forward(): pass")
        archive.writestr("script/constants.pkl", b"")
    for name in ("inception.pkl", "script.pt"):
        with pytest.raises(ValueError, match="holds a program"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, name, share):
    weights(tmp_path / "a.pth")
    save_file({"weight": torch.eye(2)}, tmp_path / "a.safetensors")
    held = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(held[: int(share * len(held))])
    with pytest.raises(ValueError, match=r"weights=.*expected a whole file of named tensors"):
        read(tmp_path / name)


@pytest.mark.parametrize("held", [{"weight": 3}, [torch.ones(2)], {}, {1: torch.ones(2)}])
def test_anything_but_named_tensors_is_refused(tmp_path, held):
    torch.save(held, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="expected named tensors"):
        read(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "held, told",
    [
        ({"weight": torch.eye(2)}, "1 names missing, such as bias"),
        ({"weight": torch.eye(2), "bias": torch.ones(2), "more": torch.ones(1)}, "1 too many, such as more"),
        ({"weight": torch.ones(3, 2), "bias": torch.ones(2)}, r"weight: \(3, 2\), not \(2, 2\)"),
        ({"weight": torch.eye(2), "bias": torch.tensor([1.0, torch.nan])}, "finite"),
    ],
)
def test_weights_of_another_network_are_refused(held, told):
    with pytest.raises(ValueError, match=told):
        load_into(nn.Linear(2, 2), held, "file.pth")


def test_loading_takes_nobodys_random_numbers():
    before = torch.get_rng_state()
    net = loaded(lambda: nn.Linear(2, 2), {"weight": torch.eye(2), "bias": torch.zeros(2)}, "here")
    assert torch.equal(torch.get_rng_state(), before)
    assert not net.training and not net.weight.requires_grad
    assert torch.equal(net(torch.tensor([3.0, 4.0])), torch.tensor([3.0, 4.0]))


def test_counts_of_batches_may_be_missing():
    """Files of before 2018 lack them."""
    held = nn.BatchNorm2d(3).state_dict()
    del held["num_batches_tracked"]
    load_into(nn.BatchNorm2d(3), held, "old.pth")
