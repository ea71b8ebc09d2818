"""Write the pictures and tables of docs/latent.md: what its commands show of real runs.

    python docs/make_latent.py FOLDER [--only walk,labels]

FOLDER holds the runs that ``docs/make_pages.py --keep FOLDER`` made. Each command's picture goes to docs/img/, and what
a command prints goes into the page, between the marks ``<!-- shown NAME -->`` and ``<!-- end -->``.
"""

import argparse
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from make_pages import shrink
from marks import filled

DOCS = Path(__file__).parent
PAGE = DOCS / "latent.md"


@dataclass(frozen=True)
class Shown:
    """A command of the page."""

    recipe: str
    """Whose run it is given."""
    words: tuple[str, ...]
    """The command, RUN for the run."""
    alt: str = ""
    """What its picture shows, for those who cannot see it; empty: what it prints is shown."""


RUNS = {
    "dcgan": "digits",
    "cgan": "labelled",
    "stylegan2": "styles",
    "bigan": "coded",
    "infogan": "kinds",
    "sgan": "few",
}
"""What the page calls each recipe's run, beneath runs/."""
SHOWN = {
    "walk": Shown("dcgan", ("walk", "RUN"), "A loop through nine digits, eight steps from each to the next"),
    "labels": Shown("cgan", ("walk", "RUN", "--how", "labels"), "A row for each label, the same z down each column"),
    "mixing": Shown(
        "stylegan2", ("walk", "RUN", "--how", "mixing"), "Coarse styles of one digit, fine ones of another"
    ),
    "arithmetic": Shown("dcgan", ("arithmetic", "RUN", "7 - 1 + 4"), "Examples of 7, 1 and 4, and both sums"),
    "invert": Shown("dcgan", ("invert", "RUN", "--real", "8"), "Eight real digits, the samples found, the differences"),
    "encoder": Shown(
        "bigan",
        ("invert", "RUN", "--real", "8", "--steps", "0", "--restarts", "1"),
        "Eight real digits, the samples of the encoder's codes, the differences",
    ),
    "directions": Shown("stylegan2", ("directions", "RUN", "-k", "4"), "Four directions, seven samples along each"),
    "neighbours": Shown("dcgan", ("neighbours", "RUN"), "Samples, and the training images nearest to each"),
    "represent": Shown("dcgan", ("represent", "RUN")),
    "kinds": Shown("infogan", ("represent", "RUN")),
    "few": Shown("sgan", ("represent", "RUN")),
}
"""By the name in the page's marks."""


def main() -> None:
    """Run the commands and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="names separated by commas; by default all")
    args = parser.parse_args()
    for name in args.only.split(",") if args.only else SHOWN:
        text = shown(name, args.folder)
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), f"shown {name}", text), encoding="utf-8")


def shown(name: str, folder: Path) -> str:
    """What the page says of a command: the line that one types, and its picture or what it prints."""
    entry = SHOWN[name]
    (run,) = folder.glob(f"{entry.recipe}-mnist-*")
    with TemporaryDirectory() as place:
        picture = Path(place) / f"{name}.png"
        words = [str(run) if word == "RUN" else word for word in entry.words]
        flags = ["--out", str(picture)] if entry.alt else []
        print("saddle", shlex.join(words), file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "saddle", *words, *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        if entry.alt:
            shrink(picture, DOCS / "img" / f"latent-{name}.png")
    typed = "saddle " + shlex.join(f"runs/{RUNS[entry.recipe]}" if word == "RUN" else word for word in entry.words)
    if entry.alt:
        return f"```console\n$ {typed}\n```\n\n![{entry.alt}](img/latent-{name}.png)"
    told = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
    return f"```console\n$ {typed}\n{told}\n```".replace(str(run), f"runs/{RUNS[entry.recipe]}")


if __name__ == "__main__":
    main()
