"""``saddle bench``: a published experiment with its own data, networks and counting, beside what was printed."""

from saddle.app.bench.command import main

__all__ = ["main"]
