"""The examples do what they say: both GANs find the modes, the notebook's cells run, so does the README's code."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
NOTEBOOK = EXAMPLES / "theory.ipynb"
PNG = b"\x89PNG\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan_in_30_lines", "gan_with_saddle"])
def test_a_gan_finds_the_modes(name):
    """Six other seeds found all eight as well."""
    done = subprocess.run(
        [sys.executable, f"{name}.py"], cwd=EXAMPLES, capture_output=True, text=True, check=True, timeout=300
    )
    found, share = re.search(r"^modes found: (\d) of 8; (\d+) % of samples near one$", done.stdout, re.M).groups()
    assert int(found) >= 6 and int(share) >= 50


def test_thirty_lines_of_torch_alone():
    text = (EXAMPLES / "gan_in_30_lines.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 30
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) == {"torch"}


def test_both_play_the_same_game():
    """Networks, step sizes and number of rounds are those of the 30 lines."""
    one, other = ((EXAMPLES / f"gan_{name}.py").read_text(encoding="utf-8") for name in ("in_30_lines", "with_saddle"))
    for what in (r"nn\.Sequential\(.*\)", r"optim\.Adam\(\w\.parameters\(\), .*?\)\)", r"1500", r"softplus\(-D"):
        assert sorted(re.findall(what, one)) == sorted(re.findall(what, other)) != []


def cells():
    """The notebook's cells of code, each as a list of lines."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_a_notebook():
    """Format 4.5 by its specification; nothing of a run is stored in it."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", each) for each in ids)
    for cell in notebook["cells"]:
        outputs = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | outputs
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_the_notebook_runs(capsys):
    """Cell by cell in one namespace, as a kernel does; what a cell ends with is drawn."""
    names, shown = {"__name__": "__main__"}, 0
    for cell in cells():
        tree = ast.parse("".join(cell["source"]))
        if isinstance(tree.body[-1], ast.Expr) and not isinstance(tree.body[-1].value, ast.Call | ast.Constant):
            pytest.fail("a cell ends with something else than a call")
        if isinstance(tree.body[-1], ast.Expr):
            target = ast.Name("_", ast.Store(), lineno=1, col_offset=0)
            tree.body[-1] = ast.copy_location(ast.Assign([target], tree.body[-1].value), tree.body[-1])
        names["_"] = None
        exec(compile(tree, f"theory.ipynb {cell['id']}", "exec"), names)
        if hasattr(names["_"], "_repr_png_"):
            assert names["_"]._repr_png_().startswith(PNG)
            shown += 1
    told = capsys.readouterr().out
    assert shown == 6
    assert float(re.search(r"^predicted ([\d.]+) played", told, re.M)[1]) > 1  # the step that is too large
    assert re.search(r"^predicted ([\d.]{8})[\d.]* played \1", told, re.M)
    assert "lr=-0.1: expected a step size" in told


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_code_on_the_first_page_runs(page, capsys):
    """The README's prints a report every 100 rounds; the other's leaves samples."""
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names = {"__name__": "__main__"}
    exec(compile(code, page, "exec"), names)
    assert names["game"].round == 1000
    if page == "README.md":
        rows = [ast.literal_eval(line.partition(" ")[2]) for line in capsys.readouterr().out.splitlines()]
        assert len(rows) == 10
        assert {"D.real", "D.fake", "G.adversarial"} <= set(rows[-1])
    else:
        assert names["x"].shape == (2000, 2) and bool(names["x"].isfinite().all())
