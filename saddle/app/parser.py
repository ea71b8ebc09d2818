"""The parsers of the commands: a wrong flag is one line that offers the nearest right one."""

import argparse
import re
from collections.abc import Collection, Sequence
from dataclasses import Field, fields
from difflib import get_close_matches
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

__all__ = ["Parser", "misspelt", "parse_settings", "plain", "setting_names"]


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


def parse_settings(
    parser: "ArgumentParser", argv: Sequence[str], configs: Sequence[type], also: Sequence[str]
) -> dict[str, Any]:
    """The flags of dataclasses, by name.

    Args:
        parser: jsonargparse's, which has been given the dataclasses and the flags beside them.
        argv: the words; ``--lr-critic`` may be written for ``--lr_critic``, and ``--mirror`` for ``--mirror=true``.
        configs: the dataclasses.
        also: names of the flags beside them, to be offered where one is misspelt.
    Raises:
        ValueError: a flag or a value is wrong.
    """
    from jsonargparse import ArgumentError

    try:
        given: dict[str, Any] = parser.parse_args(_spelt(argv, [f for c in configs for f in fields(c)])).as_dict()
    except ArgumentError as error:
        known = [f"--{name}" for name in (*also, *(name for config in configs for name in setting_names(config)))]
        prog = parser.prog
        raise ValueError(f"{prog}: {misspelt(plain(error), known)}; {prog} --help lists the flags") from error
    return given


def setting_names(config: Any) -> list[str]:
    """The settings of a dataclass, in order."""
    return [field.name for field in fields(config)]


def _spelt(argv: Sequence[str], known: Sequence[Field[Any]]) -> list[str]:
    """Accept --lr-critic for --lr_critic, and a bare --mirror for --mirror=true."""
    switches = {f"--{field.name}" for field in known if field.type is bool}
    words = []
    for word, following in zip_longest(argv, argv[1:], fillvalue=""):
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            word = "--" + flag[2:].replace("-", "_") + equals + value
            if word in switches and following.lower() not in ("true", "false"):
                word += "=true"
        words.append(word)
    return words


def plain(error: Exception) -> str:
    """A complaint of jsonargparse in the words of this program."""
    text = " ".join(str(error).split())
    text = re.sub(r"Expected an? <class '(\w+)'>\. Got value:", r"expected \1, got", text)
    text = re.sub(r"expected str, got (-?[\d.]+)", r"expected text, got the number \1 (in YAML: '\1')", text)
    union = r"Does not validate against any of the Union subtypes .*<class '(\w+)'>, <class 'NoneType'>.* Given value: "
    text = re.sub(union, r"expected \1, got ", text)
    return re.sub(r"Parser key \"(\w+)\":", r"--\1:", text)
