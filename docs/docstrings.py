"""Shows docstrings on the site as they read in the source: examples and ruled tables stand as code."""

import re
from typing import Any

import griffe

VERBATIM = {
    "pycon": re.compile(r"^>>> .*(?:\n(?!\s*$).*)*(?:\n\n>>> .*(?:\n(?!\s*$).*)*)*", re.MULTILINE),
    "text": re.compile(r"^=+(?: +=+)+\n(?:.*\n)*?=+(?: +=+)+\n(?:.*\n)*?=+(?: +=+)+$", re.MULTILINE),
}
SECTION = re.compile(r"\n(?=(?:Args|Returns|Yields|Raises|Source):)")


class Docstrings(griffe.Extension):
    """Prepares each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Fence what must keep its lines, and set sections apart with the blank line that the parser asks for."""
        if obj.docstring is None:
            return
        text = SECTION.sub("\n\n", obj.docstring.value)
        for language, pattern in VERBATIM.items():
            text = pattern.sub(rf"```{language}\n\g<0>\n```", text)
        obj.docstring.value = text

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Show each name once, in the module that defines it, and not again where a package hands it on."""
        modules = [pkg]
        while modules:
            module = modules.pop()
            modules += module.modules.values()
            for name in [name for name, member in module.members.items() if member.is_alias]:
                del module.members[name]
