"""``saddle push``: hand a run on, as a folder or as a repository on the Hub."""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saddle.app.handed import hub_name, pack
from saddle.app.parser import Parser
from saddle.config import require

__all__ = ["main", "require_hub", "told_by_hub"]


def main(argv: list[str]) -> int:
    """Pack the run and put it where it was asked for."""
    args = _parser().parse_args(argv)
    from saddle.app.runs import Run

    run = Run.open(args.run)
    cards = [_card(Path(name)) for name in args.card]
    if hub_name(args.dest):
        require_hub(args.dest)
        where, files = _to_hub(run, args.dest, cards, not args.public)
    else:
        require(not args.public, "public", True, "a repository on the Hub, USER/NAME; a folder is as public as it is")
        folder = Path(args.dest).expanduser()
        taken = folder.is_dir() and any(folder.iterdir()) and not (folder / "model.safetensors").is_file()
        require(not taken, "dest", args.dest, "a new or empty folder, or one that was pushed to before")
        where, files = str(folder), [path.name for path in pack(run, folder, cards)]
    print(json.dumps({"run": args.run, "dest": where, "files": files}) if args.json else f"{where}: {', '.join(files)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="saddle push", description="Hand a run on: its weights, settings, and a card with samples and scores."
    )
    parser.add_argument("run", help="the run's folder, such as runs/0001")
    parser.add_argument("dest", help="USER/NAME on the Hub, or a folder (write ./USER/NAME for a folder called so)")
    parser.add_argument(
        "--card", nargs="+", default=[], metavar="CARD.json", help="scorecards of saddle evaluate --out"
    )
    parser.add_argument(
        "--public", action="store_true", help="on the Hub: for everybody to see (default: only for you)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def require_hub(name: str) -> None:
    """Refuse a name on the Hub where the package that knows the way there is missing.

    Raises:
        ValueError: huggingface-hub is not installed.
    """
    if find_spec("huggingface_hub") is None:
        need = "to reach the Hub takes the package huggingface-hub; get it with"
        raise ValueError(f"{name}: {need}: pip install 'saddle-gan[hub]', or give a folder (./{name})")


def told_by_hub(name: str, error: Exception) -> ValueError:
    """What the Hub or the way to it complained of, as one line of the user's."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ValueError(f"{name}: the Hub cannot be used: {first} (hf auth login; or a folder, ./{name})")


def _card(path: Path) -> dict[str, Any]:
    require(path.is_file(), "card", path, "a file that saddle evaluate --out CARD.json wrote")
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        sound = all(isinstance(entry["value"], int | float | None) for entry in held["measures"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    require(sound, "card", path, "a scorecard, as saddle evaluate --out CARD.json writes it")
    document: dict[str, Any] = held
    return document


def _to_hub(run: Any, name: str, cards: list[dict[str, Any]], private: bool) -> tuple[str, list[str]]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        files = [path.name for path in pack(run, Path(folder), cards)]
        from huggingface_hub import HfApi

        api = HfApi(library_name="saddle")
        try:
            api.create_repo(name, private=private, exist_ok=True)
            commit = api.upload_folder(repo_id=name, folder_path=folder, commit_message="saddle push")
        except Exception as error:  # whatever the network does: nothing of ours is at fault
            raise told_by_hub(name, error) from error
    return str(commit.repo_url), files
