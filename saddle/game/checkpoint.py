"""Saving and restoring everything a game is, bit for bit: one safetensors file, written whole or not at all.

A file holds every tensor of the game's state (weights, averages, optimiser moments, control buffers, random number
states, data order) and, in its header, one JSON document (rounds, optimiser settings) with a SHA-256 of all of it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from saddle.config import require
from saddle.game.dynamics import NonFinite
from saddle.game.game import Game, Player
from saddle.writing import replacing

__all__ = [
    "Damaged",
    "Mismatch",
    "newest",
    "read",
    "restore",
    "restore_weights",
    "save",
    "save_weights",
    "saved",
    "state",
    "write",
]

Tensors = dict[str, Tensor]
FORMAT = 1


class Damaged(ValueError):
    """A checkpoint file is cut off, altered or not a checkpoint."""


class Mismatch(ValueError):
    """A checkpoint is whole but belongs to another game: other networks, players or optimisers."""


def save(game: Game, folder: Path, extra: Mapping[str, Tensor] | None = None, keep: int = 3) -> Path:
    """Write the game's state to ``folder/round-NNNNNNNNN.safetensors`` and drop all but the last ``keep``.

    Args:
        game: what to save.
        folder: is made if it does not exist.
        extra: more tensors to keep with it, such as the data's order (``Draw.state_dict()``).
        keep: how many of the newest files stay.
    Returns:
        The file written.
    Raises:
        NonFinite: a weight, an average or an optimiser's state is infinite or NaN; names it.
        OSError: the disk is full or the folder cannot be written; older checkpoints are untouched.
    """
    tensors, facts = state(game)
    for name, value in tensors.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise NonFinite(f"round {game.round}: {name.replace('/', ' ')} is not finite, so it is not saved")
    tensors |= {f"extra/{name}": value for name, value in (extra or {}).items()}
    path = folder / f"round-{game.round:09d}.safetensors"
    write(path, tensors, facts)
    for old in saved(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def restore(game: Game, path: Path) -> Tensors:
    """Bring a freshly built game to a saved state; returns the ``extra`` tensors saved with it.

    A game saved on one kind of device can go on upon another, where random numbers are made otherwise: its own start
    anew there, from a seed that follows from the saved ones.

    Raises:
        Damaged: the file is not whole.
        Mismatch: the file does not fit this game; names the first thing that differs.
    """
    tensors, facts = read(path)
    _restore_modules(game, tensors, facts, path)
    for player in game.players:
        _restore_optimizer(player, tensors, facts, path)
    _restore_random(game, tensors)
    return {name.removeprefix("extra/"): value for name, value in tensors.items() if name.startswith("extra/")}


def save_weights(game: Game, path: Path) -> None:
    """Write what samples and scores are made with, and no more: networks, averages and controls.

    Raises:
        OSError: the disk is full or the file cannot be written.
    """
    tensors, facts = state(game)
    kept = {name: t for name, t in tensors.items() if not name.startswith("random/") and "/optimizer/" not in name}
    write(path, kept, facts | {"optimizers": {}})


def restore_weights(game: Game, path: Path) -> None:
    """Give a freshly built game the weights that `save_weights` wrote; its optimisers stay at their start.

    Raises:
        Damaged: the file is not whole.
        Mismatch: the file does not fit this game; names the first thing that differs.
    """
    _restore_modules(game, *read(path), path)


def saved(folder: Path) -> list[Path]:
    """The checkpoint files of a folder, oldest first, whole or not."""
    return sorted(folder.glob("round-*.safetensors"))


def newest(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest whole checkpoint of a folder, and a line for each newer one that is damaged."""
    complaints = []
    for path in reversed(saved(folder)):
        try:
            read(path)
        except Damaged as error:
            complaints.append(str(error))
        else:
            return path, complaints
    return None, complaints


def state(game: Game) -> tuple[Tensors, dict[str, Any]]:
    """All of a game's state: tensors by name, and the facts that are not tensors (JSON)."""
    tensors: Tensors = {"random/game": game.rng.get_state(), "random/torch": torch.get_rng_state()}
    if game.device.type == "cuda":
        tensors["random/device"] = torch.cuda.get_rng_state(game.device)
    facts: dict[str, Any] = {"format": FORMAT, "round": game.round, "images": game.images, "optimizers": {}}
    for player in game.players:
        tensors |= _named(f"{player.name}/module", player.module.state_dict())
        if player.average is not None:
            tensors |= _named(f"{player.name}/average", player.average.module.state_dict())
        moments, groups = _optimizer_state(player)
        tensors |= _named(f"{player.name}/optimizer", moments)
        facts["optimizers"][player.name] = groups
    for name, control in game.controls.items():
        tensors |= _named(f"controls/{name}", control.state_dict())
    return tensors, facts


def write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a checkpoint file through a temporary one in the same folder, so that ``path`` is always whole."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    text = json.dumps(facts, sort_keys=True)
    header = {"saddle": json.dumps({"facts": text, "sha256": _digest(plain, text)})}  # one key: its order is the file's
    with replacing(path) as part:
        part.write_bytes(safetensors_bytes(plain, header))


def read(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read a checkpoint file and verify all of it against its digest.

    Raises:
        Damaged: cut off, altered, or not a checkpoint of this format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        signed = json.loads(header["saddle"])
        facts = json.loads(signed["facts"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{path}: not a whole checkpoint ({_first_line(error)})") from error
    if signed.get("sha256") != _digest(tensors, signed["facts"]):
        raise Damaged(f"{path}: damaged, its contents do not match its checksum")
    require(facts.get("format") == FORMAT, "format", facts.get("format"), f"{FORMAT}, in {path}")
    return tensors, facts


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def _optimizer_state(player: Player) -> tuple[Tensors, dict[str, Any]]:
    packed = player.optimizer.state_dict()  # parameters appear as their index
    moments = {
        f"{index}/{key}": value
        for index, entries in packed["state"].items()
        for key, value in entries.items()
        if isinstance(value, Tensor)
    }
    rest = {
        f"{index}/{key}": value
        for index, entries in packed["state"].items()
        for key, value in entries.items()
        if not isinstance(value, Tensor)
    }
    groups = [{k: v for k, v in group.items() if k != "params"} for group in packed["param_groups"]]
    return moments, {"kind": type(player.optimizer).__name__, "groups": groups, "rest": rest}


def _restore_modules(game: Game, tensors: Tensors, facts: dict[str, Any], path: Path) -> None:
    """Networks, averages and controls, and how far the game is."""
    for player in game.players:
        _load(player.module, f"{player.name}/module", tensors, path)
        if player.average is not None:
            _load(player.average.module, f"{player.name}/average", tensors, path)
    for name, control in game.controls.items():
        _load(control, f"controls/{name}", tensors, path)
    game.round, game.images = facts["round"], facts["images"]


def _restore_random(game: Game, tensors: Tensors) -> None:
    kept = tensors["random/game"]
    anew = int.from_bytes(hashlib.sha256(kept.numpy().data).digest()[:7], "big")
    if kept.shape == game.rng.get_state().shape:
        game.rng.set_state(kept)
    else:
        game.seed(anew)
    torch.set_rng_state(tensors["random/torch"])
    if game.device.type == "cuda":
        if "random/device" in tensors:
            torch.cuda.set_rng_state(tensors["random/device"], game.device)
        else:
            torch.cuda.manual_seed(anew)


def _restore_optimizer(player: Player, tensors: Tensors, facts: dict[str, Any], path: Path) -> None:
    kept, kind = facts["optimizers"][player.name], type(player.optimizer).__name__
    if kept["kind"] != kind:
        raise Mismatch(f"{path}: holds the state of {kept['kind']} for {player.name}, this game has {kind}")
    for group, old in zip(player.optimizer.param_groups, kept["groups"], strict=True):
        group |= {k: tuple(v) if isinstance(v, list) else v for k, v in old.items()}
    parameters = [(p, group) for group in player.optimizer.param_groups for p in group["params"]]
    player.optimizer.state.clear()
    entries = {k.split("/optimizer/", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{player.name}/optimizer/")}
    for key, value in (entries | kept["rest"]).items():
        index, name = key.split("/", 1)
        p, group = parameters[int(index)]
        if name == "step":  # counted on the device by fused steps alone
            value = value.to(p.device) if group.get("fused") else value
        elif isinstance(value, Tensor) and value.shape == p.shape:
            value = torch.empty_like(p, dtype=value.dtype).copy_(value)  # in the parameter's own memory layout
        player.optimizer.state[p][name] = value


def _load(module: torch.nn.Module, prefix: str, tensors: Tensors, path: Path) -> None:
    ours = module.state_dict()
    theirs = {k.removeprefix(f"{prefix}/"): v for k, v in tensors.items() if k.startswith(f"{prefix}/")}
    for name in sorted(ours.keys() | theirs.keys()):
        got = tuple(theirs[name].shape) if name in theirs else "nothing"
        wanted = tuple(ours[name].shape) if name in ours else "nothing"
        if got != wanted:
            raise Mismatch(f"{path}: holds {got} for {prefix}/{name}, this game has {wanted}")
    module.load_state_dict(theirs)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
