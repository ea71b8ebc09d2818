"""How five tools feed the Inception network, by name: what to set to get their numbers. Imports no torch."""

from dataclasses import dataclass

__all__ = ["PRESETS", "Preset"]


@dataclass(frozen=True)
class Preset:
    """What a tool does to an image on its way to the network."""

    resize: str
    """A name of `saddle.evaluation.features.resize.RESIZERS`."""
    centre: float
    """The network sees (x - centre) / scale of x in [0, 255]."""
    scale: float
    """See ``centre``."""
    ddof: int = 1
    """What its covariance takes off N; no affair of the extractor, but of who compares distances."""

    @property
    def normalise(self) -> str:
        """In words, for keys.

        >>> PRESETS["clean"].normalise
        '(x-128)/128'
        """
        return f"(x-{self.centre:g})/{self.scale:g}"


PRESETS = {
    "torch-fidelity": Preset("tf1-bilinear", 128.0, 128.0),
    "torchmetrics": Preset("bilinear-aa", 128.0, 128.0),  # since 1.8; before, as torch-fidelity
    "clean": Preset("bicubic-aa", 128.0, 128.0),
    "pytorch-fid": Preset("bilinear", 127.5, 127.5),
    "stylegan2-ada": Preset("tf1-bilinear", 128.0, 128.0, ddof=0),
}
"""The tools by name."""
