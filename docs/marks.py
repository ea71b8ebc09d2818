"""What scripts write into pages that people write, too: each block between two comments of its own."""

import re

__all__ = ["filled"]


def filled(page: str, mark: str, text: str) -> str:
    """The page with this text between ``<!-- MARK -->`` and the next ``<!-- end -->``, which it must have once."""
    block = re.compile(rf"<!-- {re.escape(mark)} -->\n.*?<!-- end -->", re.DOTALL)
    changed, count = block.subn(lambda _: f"<!-- {mark} -->\n{text}\n<!-- end -->", page)
    assert count == 1, f"the page has the lines <!-- {mark} --> and <!-- end --> once"
    return changed
