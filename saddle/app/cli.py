"""The command ``saddle``: finds the subcommand, and turns errors into one line and an exit status."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from saddle import __version__
from saddle.config import choose

__all__ = ["COMMANDS", "entry", "main"]

COMMANDS = {
    "train": "train a recipe on a data set, a folder of images or points",
    "sample": "draw from a trained run: .npy, .png or a folder of images",
    "evaluate": "measure samples against data: FID, precision and recall, and all of Borji's measures",
    "compare": "recipes over seeds under one budget: a table, a paired test, a picture",
    "bench": "run a published experiment as its paper has it, beside the numbers that it printed",
    "represent": "what a critic's features know of the labels: linear probe, clusters, few labels",
    "walk": "a way through latent space as a picture or a film",
    "arithmetic": "sums of concepts in latent space, beside the same sums of pixels",
    "invert": "the latents whose samples come nearest to given images",
    "directions": "what the strongest directions of latent space change: SeFa, GANSpace",
    "neighbours": "the training samples nearest to samples or to given images",
    "doctor": "say what is wrong with a run, on what evidence, and which flag to change",
    "report": "write one self-contained page about a run",
    "export": "write a run's generator as ONNX, a torch program or safetensors",
    "push": "hand a run on: weights, settings and a card, into a folder or onto the Hub",
    "pull": "fetch a run that was handed on",
    "lab": "the theory: a formula, figure or table of the lectures, computed and drawn",
    "data": "check a folder of images, or pack it at training size",
    "list": "the recipes and data sets there are",
}
"""The commands and a line on each."""
"""Each command, a file of that name beside this one, and what it does."""

HELP = f"""usage: saddle COMMAND [...]

Adversarial training, from f(x, y) = xy to images. Try it:

  saddle train dcgan --data mnist --budget 2m      two minutes to handwritten digits
  saddle train dcgan --data path/to/images          your own images

commands:
{chr(10).join(f"  {name:<10} {text}" for name, text in COMMANDS.items())}

  saddle COMMAND --help, saddle train RECIPE --help   what each takes
  saddle --version                                    {__version__}

Exit status: 0 done, 1 the work failed or was interrupted, 2 the input was wrong."""


def entry() -> NoReturn:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run a command line, without the program's name.

    Returns:
        0 done, 1 the work failed or was interrupted, 2 the user's input was wrong.

    >>> main(["trian"])
    2
    """
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"saddle {__version__}")
        return 0
    try:
        choose(argv[0], COMMANDS, "command")
        status: int = import_module(f"saddle.app.{argv[0]}").main(list(argv[1:]))
        return status
    except KeyboardInterrupt:
        return _say("interrupted", 1)
    except BrokenPipeError:  # the reader went away (head, less): nothing left to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        return _say(_of_system(error), 1 if error.errno in FAILURES else 2)
    except ValueError as error:
        return _say(str(error), 2)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except Exception as error:
        if os.environ.get("SADDLE_DEBUG"):
            raise
        if any(sign in str(error) for sign in NO_ROOM) or isinstance(error, MemoryError):
            return _say("out of memory: these settings need more than there is; take a smaller batch, size or width", 1)
        return _say(f"{_name(error)}: {error} (SADDLE_DEBUG=1 shows where)", 1)


FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM}
"""What the system refuses for reasons that are not the user's input."""


LONG = 800
"""Letters of a message; a name may have thousands."""
NO_ROOM = ("allocate memory", "out of memory", "not enough memory", "size calculation overflowed")
"""How torch says, on each of its devices, that memory is short."""


def _say(message: str, status: int) -> int:
    lines = [line for line in message.strip().splitlines() if line.strip()]
    text = " ".join(line.strip() for line in lines)
    text = text if len(text) <= LONG else f"{text[: LONG // 2]} ... {text[-LONG // 2 :]}"
    print(f"saddle: {text}", file=sys.stderr)
    return status


def _of_system(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _name(error: Exception) -> str:
    return "training stopped" if type(error).__name__ == "NonFinite" else f"internal error, {type(error).__name__}"
