"""Files that are written whole or not at all: through a temporary one beside them, which takes their place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["replacing", "write_text"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file to write in place of ``path``, which it becomes once it is complete and on the disk.

    Its folder is made if it does not exist. Where the block fails, or the process is killed, what was at ``path`` is
    still there; a kill leaves ``.NAME.PID.part`` behind.

    Args:
        path: the file to write.
    Yields:
        The temporary file's path, in the same folder.
    Raises:
        OSError: the disk is full, or the folder cannot be written; names ``path``.

    >>> folder = Path(getfixture("tmp_path"))
    >>> with replacing(folder / "told.txt") as part:
    ...     _ = part.write_text("all of it")
    >>> [file.name for file in folder.iterdir()]
    ['told.txt']
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        if error.filename in (None, str(part)):  # a full disk does not say which file it has no room for
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # a folder that may not even be looked into
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Write a text in UTF-8, whole or not at all.

    Args:
        path: the file.
        text: what it shall hold.
        errors: what becomes of characters that UTF-8 cannot spell, as for `open`.
    Raises:
        OSError: as `replacing`.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors=errors)
