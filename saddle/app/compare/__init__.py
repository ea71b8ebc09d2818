"""``saddle compare``: recipes, or one recipe under several settings, over seeds and under one budget."""

from saddle.app.compare.command import main

__all__ = ["main"]
