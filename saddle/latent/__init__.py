"""What lies between the samples: walks, concepts, inversion and directions of a trained generator's latent space."""

from saddle.latent.concepts import Examples, Term, chosen, classifier, combined, parse
from saddle.latent.directions import METHODS, Directions, ganspace, moves, sefa_directions
from saddle.latent.inversion import Found, encoder_of, invert, looking
from saddle.latent.spaces import SPACES, Space, Styled, label_space, mixed, open_space, styled, w_space, z_space
from saddle.latent.walks import WALKS, arcs, geodesic, lines, on_sphere, shrunk, truncated

__all__ = [
    "METHODS",
    "SPACES",
    "WALKS",
    "Directions",
    "Examples",
    "Found",
    "Space",
    "Styled",
    "Term",
    "arcs",
    "chosen",
    "classifier",
    "combined",
    "encoder_of",
    "ganspace",
    "geodesic",
    "invert",
    "label_space",
    "lines",
    "looking",
    "mixed",
    "moves",
    "on_sphere",
    "open_space",
    "parse",
    "sefa_directions",
    "shrunk",
    "styled",
    "truncated",
    "w_space",
    "z_space",
]
