"""A real browser: Debian's chromium, or whichever is on the path. Without one the tests are skipped, or, where
SADDLE_REQUIRE_BROWSER=1 says that there must be one, fail."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOUND = next(filter(None, map(shutil.which, NAMES)), None)
MISSING = [
    what
    for what, lacks in (("chromium on the path", FOUND is None), ("playwright", find_spec("playwright") is None))
    if lacks
]
REQUIRED = os.environ.get("SADDLE_REQUIRE_BROWSER") == "1"


def pytest_collection_modifyitems(items):
    """Marked here and not in the fixture, so that all of them are told of in one line."""
    if MISSING and not REQUIRED:
        skip = pytest.mark.skip(reason=f"tests in a browser need {' and '.join(MISSING)}")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def browser():
    """Headless chromium, started once."""
    if MISSING:
        pytest.fail(f"SADDLE_REQUIRE_BROWSER=1, and there is no {' and no '.join(MISSING)}", pytrace=False)
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox"] if os.geteuid() == 0 else []  # chromium refuses to run as root with its sandbox
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=FOUND, args=options)
        yield started
        started.close()
