"""The logged scalars for TensorBoard, where the extra is installed."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["Scalars"]


class Scalars:
    """Writes terms into ``folder/tensorboard``; ``tensorboard --logdir FOLDER`` shows them. A context manager.

    Args:
        folder: the run's.
    Raises:
        ValueError: TensorBoard is not installed; says the command that installs it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            expected = "the tensorboard extra; install it with: pip install 'saddle-gan[tensorboard]'"
            raise ValueError(f"tensorboard=True: expected {expected}") from error
        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> "Scalars":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write(self, values: Mapping[str, float], images: int) -> None:
        """Add each term at this number of real images seen; ``D.real`` becomes ``D/real``, grouped by player."""
        for name, value in values.items():
            self._writer.add_scalar(name.replace(".", "/", 1), value, images)
