"""The architecture, read off the source: which way imports go, what is never used, how long a file may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "saddle"
FILES = sorted(ROOT.rglob("*.py"))
LAYERS = ["config", "writing", "data", "networks", "objectives", "game", "recipes", "evaluation", "latent"]
LAYERS += ["benchmarks", "theory", "app"]
OUTER = ["__init__", "__main__"]  # the package's own door stands outside and may reach all of it

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "torchvision"}
UNSAFE_CALLS = {"eval", "exec", "torch.save"}


def saddle_imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything of saddle that a module in ``package`` imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*up, node.module or ""]).strip(".")
            names = [f"{source}.{alias.name}" for alias in node.names] if source == "saddle" else [source]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "saddle")


def upward_imports(source: str, path: Path) -> list[str]:
    """What the module at ``path`` (relative to saddle/) imports from layers after its own."""
    layer = path.parts[0].removesuffix(".py")
    if layer in OUTER:
        return []
    if layer not in LAYERS:
        return [f"{path}: {layer} is none of the layers {', '.join(LAYERS)}"]
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    package = ".".join(["saddle", *path.parts[:-1]])
    found = ((line, name, name.split(".")[1:2]) for line, name in saddle_imports(ast.parse(source), package))
    return [
        f"{path}:{line}: {layer} imports {name}"
        for line, name, target in found
        if target and target[0] not in [*allowed, "__version__"]
    ]


def unsafe_uses(source: str, path: Path) -> list[str]:
    """Pickles, evaluated text, the unsound matrix root and torchvision, with their lines."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            found.append((node.lineno, str(node.module)))
        elif isinstance(node, ast.Call):
            called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called in UNSAFE_CALLS or (called == "torch.load" and given.get("weights_only") != "True"):
                found.append((node.lineno, called))
            if given.get("allow_pickle", "False") != "False":
                found.append((node.lineno, "allow_pickle"))
        if getattr(node, "attr", getattr(node, "name", None)) == "sqrtm":
            found.append((getattr(node, "lineno", 0), "sqrtm"))
    return [f"{path}:{line}: {what}" for line, what in found]


def in_all_files(check) -> list[str]:
    return [line for file in FILES for line in check(file.read_text(encoding="utf-8"), file.relative_to(ROOT))]


def test_imports_go_one_way():
    """A module imports only from its own folder and those before it in the list."""
    assert in_all_files(upward_imports) == []


def test_no_module_imports_a_package_that_holds_it():
    offences = []
    for path in FILES:
        folders = path.relative_to(ROOT).parts[:-1]
        holders = [".".join(["saddle", *folders[: k + 1]]) for k in range(len(folders))]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                offences += [f"{path}:{node.lineno}: {name}" for name in names if name in holders]
    assert offences == []  # the name would nest without end for whoever walks the package, as the docs do


def test_nothing_unsafe_is_used():
    """Files that strangers made are read, so nothing that can run code from them is near."""
    assert in_all_files(unsafe_uses) == []


def test_no_file_is_too_long_to_read_in_one_sitting():
    assert {str(f): n for f in FILES if (n := f.read_text(encoding="utf-8").count("\n")) > 400} == {}


@pytest.mark.parametrize(
    "path, source",
    [
        ("data/spec.py", "import saddle.app.cli"),
        ("data/spec.py", "def f():\n    from saddle import game"),
        ("game/play.py", "from saddle.recipes.classic import dcgan"),
        ("game/play.py", "from ..theory import toy"),
        ("config.py", "from .data.spec import Batch"),
        ("config.py", "from . import data"),
        ("recipes/classic/gan.py", "from ...app import cli"),
        ("helpers.py", "import torch"),
    ],
)
def test_an_import_of_a_later_layer_is_found(path, source):
    assert len(upward_imports(source, Path(path))) == 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("game/play.py", "from saddle.config import require\nfrom saddle.game.game import Game\nimport torch"),
        ("game/play.py", "from ..data.spec import Batch\nfrom . import game"),
        ("app/cli.py", "from saddle import __version__, theory"),
        ("__init__.py", "from saddle.game.play import play"),
    ],
)
def test_an_import_of_an_earlier_layer_passes(path, source):
    assert upward_imports(source, Path(path)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from torchvision.utils import make_grid",
        "eval('1')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.save(state, path)",
        "np.load(path, allow_pickle=True)",
        "linalg.sqrtm(a)",
        "from scipy.linalg import sqrtm",
    ],
)
def test_an_unsafe_use_is_found(source):
    assert len(unsafe_uses(source, Path("x.py"))) == 1


def test_what_only_looks_unsafe_passes():
    source = "model.eval()\ntorch.load(path, weights_only=True)\nnp.load(path, allow_pickle=False)\ntorch.linalg.svd(a)"
    assert unsafe_uses(source, Path("x.py")) == []
