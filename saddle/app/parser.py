"""The parser of the small commands: a wrong flag is one line that offers the nearest right one."""

import argparse
import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import NoReturn

__all__ = ["Parser", "misspelt"]


class Parser(argparse.ArgumentParser):
    """Python's own parser, whose complaints are errors like any other of the user's."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            ValueError: always; says which command, what is wrong and where its flags are listed.
        """
        raise ValueError(f"{self.prog}: {misspelt(message, self._flags())}; {self.prog} --help lists the flags")

    def _flags(self) -> set[str]:
        """Its own, and those of its subcommands: what they do not know is left to it."""
        inner = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        flags = [parser._option_string_actions for choices in inner for parser in choices.values()]
        return set(self._option_string_actions).union(*flags)


def misspelt(message: str, known: Collection[str]) -> str:
    """A parser's complaint about a flag that it does not know, with the closest of those it does.

    >>> misspelt("unrecognized arguments: --lr_crtic 3", ["--lr_critic", "--seed"])
    'unrecognized arguments: --lr_crtic 3 (did you mean --lr_critic?)'
    """
    found = re.search(r"unrecognized arguments: (-[^\s=]*)", message)
    near = get_close_matches(found[1], known, n=1, cutoff=0.5) if found else []
    return f"{message} (did you mean {near[0]}?)" if near else message
