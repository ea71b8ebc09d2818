"""``python -m saddle``: the command, for launchers such as torchrun."""

from saddle.app.cli import entry

entry()
