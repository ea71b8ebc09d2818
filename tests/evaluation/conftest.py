"""The seeded arrays behind the golden values."""

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def arrays() -> dict[str, torch.Tensor]:
    """R "real", F of the same law, G shifted and shrunk, T held-out real (300, 16); P, Q class posteriors (500, 10).

    NumPy's legacy stream is frozen by policy, so the numbers are the same everywhere.
    """
    rs = np.random.RandomState(0)
    held = {
        "R": rs.randn(300, 16),
        "F": rs.randn(300, 16),
        "G": 0.5 + 0.8 * rs.randn(300, 16),
        "T": rs.randn(300, 16),
        "P": rs.dirichlet(np.full(10, 0.3), size=500),
        "Q": rs.dirichlet(np.full(10, 0.3) * np.arange(1, 11) / 5.5, size=500),
    }
    return {name: torch.from_numpy(value) for name, value in held.items()}
