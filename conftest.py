"""What tests and doctests share: one thread, the same random numbers every time, torch in every example."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)
os.environ["SADDLE_CACHE"] = str(Path(__file__).parent / ".pytest_cache" / "saddle")  # not the user's own


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Initial weights and dropout masks come from torch's own generator: each test starts it anew."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _names(doctest_namespace: dict[str, Any]) -> None:
    """Examples may use torch where their module imports only parts of it."""
    doctest_namespace["torch"] = torch
