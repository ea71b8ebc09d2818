"""``saddle pull``: fetch a run that was handed on, from a folder or from the Hub, and look whether it is whole."""

import argparse
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from saddle.app.handed import FILES, hub_name
from saddle.app.parser import Parser
from saddle.app.push import require_hub, told_by_hub
from saddle.config import require

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Fetch, check, and put into its folder."""
    parser = Parser(prog="saddle pull", description="Fetch a run that saddle push handed on.")
    parser.add_argument("name", help="USER/NAME on the Hub, or a folder that was pushed to")
    parser.add_argument("--revision", help="on the Hub: a branch, tag or commit (default: the newest)")
    parser.add_argument("--out", help="the folder to make (default: the last part of the name, under runs/)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    args = parser.parse_args(argv)
    out = Path(args.out) if args.out else Path("runs", Path(args.name).name)
    require(not out.exists(), "out", out, "a folder that does not exist yet")
    hub = hub_name(args.name)
    if hub:
        require_hub(args.name)
    require(hub or args.revision is None, "revision", args.revision, "a repository on the Hub, USER/NAME")
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".pull-") as held:
        folder = Path(held) / "run"
        (_from_hub if hub else _from_folder)(args, folder)
        told = _checked(folder)
        folder.rename(out)
    if args.json:
        print(json.dumps({"run": str(out), "from": args.name, **told}))
    else:
        print(f"{out}: {told['recipe']} on {told['data']}, round {told['round']:,}; saddle sample {out} -n 64")
    return 0


def _from_folder(args: argparse.Namespace, folder: Path) -> None:
    source = Path(args.name).expanduser()
    complete = (source / "config.json").is_file() and (source / "model.safetensors").is_file()
    require(complete, "name", args.name, "USER/NAME on the Hub, or a folder that saddle push wrote")
    folder.mkdir()
    for name in FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _from_hub(args: argparse.Namespace, folder: Path) -> None:
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(args.name, revision=args.revision, local_dir=folder, allow_patterns=list(FILES))
    except Exception as error:  # whatever the network does: nothing of ours is at fault
        raise told_by_hub(args.name, error) from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the downloader's own notes
    complete = (folder / "config.json").is_file() and (folder / "model.safetensors").is_file()
    require(complete, "name", args.name, "a repository that saddle push wrote")


def _checked(folder: Path) -> dict[str, object]:
    """Facts of the run, once its weights are known to be whole and to fit its settings."""
    from saddle.app.runs import Run, rebuild

    run = Run.open(folder)
    game = rebuild(run)
    data = run.config["data"]["name"]
    return {"recipe": run.config["recipe"], "data": data, "round": game.round, "images": game.images}
