"""Films of samples: an animated GIF by Pillow, or an MP4 where the extra ``video`` is installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.config import require
from saddle.writing import replacing

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ready", "save_film"]


def ready(path: Path) -> None:
    """Find out, before any work is done, whether a film can be written.

    Raises:
        ValueError: the package that MP4 needs is missing; says the command that installs it.
    """
    if path.suffix == ".mp4":
        _video()


def save_film(frames: "Sequence[Image]", path: Path, fps: int) -> None:
    """Write a film, whole or not at all.

    Args:
        frames: pictures of one size.
        path: ends in .gif, which repeats for ever, or .mp4.
        fps: frames a second, 1 to 100.
    Raises:
        ValueError: another ending, or the package that MP4 needs is missing; says the command that installs it.
    """
    require(path.suffix in (".gif", ".mp4"), "out", path, "a name ending in .gif or .mp4")
    require(1 <= fps <= 100, "fps", fps, "1 to 100 frames a second")
    if path.suffix == ".gif":
        with replacing(path) as part:
            _gif(frames, part, fps)
    else:
        av = _video()
        with replacing(path) as part:
            _mp4(av, frames, part, fps)


def _gif(frames: "Sequence[Image]", path: Path, fps: int) -> None:
    shown = [frame if frame.mode == "L" else frame.quantize(256) for frame in frames]
    pause = max(20, 10 * round(100 / fps))  # milliseconds, in GIF's hundredths; browsers slow down what is shorter
    shown[0].save(path, format="GIF", save_all=True, append_images=shown[1:], duration=pause, loop=0)


def _video() -> Any:
    try:
        import av
    except ImportError as error:
        expected = "the package av, or a name ending in .gif; install it with: pip install 'saddle-gan[video]'"
        raise ValueError(f"out=.mp4: expected {expected}") from error
    return av


def _mp4(av: Any, frames: "Sequence[Image]", path: Path, fps: int) -> None:
    width, height = (side - side % 2 for side in frames[0].size)  # the codec halves the colours' resolution
    with av.open(str(path), mode="w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = max(1_000_000, 8 * width * height)
        for frame in frames:
            picture = av.VideoFrame.from_image(frame.convert("RGB").crop((0, 0, width, height)))
            film.mux(stream.encode(picture))
        film.mux(stream.encode())
