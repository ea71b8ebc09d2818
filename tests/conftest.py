"""What all tests share, beside the conftest.py above."""

import pytest
import torch
from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture
def rng() -> torch.Generator:
    """A generator of random numbers, the same for every test."""
    return torch.Generator().manual_seed(0)
