"""``saddle data``: look over your own images (check), and write them once at the training size (pack)."""

import argparse
import json
from pathlib import Path

from saddle.app.parser import Parser
from saddle.app.progress import counting

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run ``saddle data`` with what follows it on the command line.

    Args:
        argv: ``["check", PATH, ...]`` or ``["pack", PATH, OUT.zip, ...]``.
    Returns:
        Exit status: 0, or 1 where ``check`` finds that training would refuse the data.
    Raises:
        ValueError: data or settings that cannot be used.
        OSError: files that cannot be read or written.
    """
    given = _parser().parse_args(argv)
    return _check(given) if given.command == "check" else _pack(given)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="saddle data", description="Look over your own images, or pack them.")
    commands = parser.add_subparsers(dest="command", required=True)
    path = "a folder or .zip of images, a .npy or .npz file, or a folder of MNIST's IDX files"
    size = "side of the square images in pixels (by default the one training would take)"

    check = commands.add_parser("check", help="list what is wrong and what will be done about it")
    check.add_argument("path", metavar="PATH", help=path)

    pack = commands.add_parser("pack", help="write it once at the training size, as PNGs in a zip")
    pack.add_argument("path", metavar="PATH", help=f"{path}; or the name of a data set of images")
    pack.add_argument("out", metavar="OUT.zip", type=Path, help="the file to make")
    pack.add_argument("--channels", type=int, choices=(1, 3), help="1 grey, 3 colour (by default what most are)")
    for command in (check, pack):
        command.add_argument("--size", type=int, metavar="S", help=size)
        command.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    return parser


def _check(given: argparse.Namespace) -> int:
    from saddle.config import require
    from saddle.data.check import check

    path = Path(given.path).expanduser()
    require(path.exists(), "data", given.path, "a folder or file that exists")
    with counting("reading") as progress:
        report = check(path, given.size, progress)
    print(json.dumps(report.document(), indent=2) if given.json else "\n".join(report.lines()))
    return 0 if report.ok else 1


def _pack(given: argparse.Namespace) -> int:
    from saddle.data.pack import pack

    with counting("packing") as progress:
        data = pack(given.path, given.out, given.size, given.channels, progress)
    spec = data.spec
    if given.json:
        told = {"out": str(given.out), "images": len(data), "skipped": len(data.skipped), "size": spec.size}
        print(json.dumps({**told, "channels": spec.channels, "classes": spec.classes, "fingerprint": data.fingerprint}))
    else:
        print(f"{given.out}: {len(data)} images, {spec.channels} x {spec.size} x {spec.size}, {spec.classes} classes")
    return 0
