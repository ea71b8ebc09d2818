"""``saddle export``: a run's generator as one file for other programs, tested against the run before it is written."""

import argparse
import json
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.parser import Parser
from saddle.config import choose, require
from saddle.writing import replacing, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from saddle.app.generator import Generator

__all__ = ["FORMATS", "main"]

OPSET = 20
"""Of ONNX's operators; runtimes since 2023 know it."""
TOLERANCE = 1e-4
"""Largest difference from the run's own samples that is written."""
TRIED = 5
"""Samples that are compared; another number than the file was traced with, so that the batch is seen to be free."""


def main(argv: list[str]) -> int:
    """Write the file and a note beside it, and print what it takes and gives."""
    args = _parser().parse_args(argv)
    form = choose(args.format, FORMATS, "format")
    out = Path(args.out) if args.out else Path(f"generator{SUFFIXES[args.format]}")
    wanted = SUFFIXES[args.format]
    require(out.suffix == wanted, "out", args.out, f"a name ending in {wanted}")
    _require_packages(args.format)
    from saddle.app.generator import of_run
    from saddle.app.runs import Run

    made = of_run(Run.open(args.run))
    with replacing(out) as part:
        with _quiet():
            again = form(made, part)
            z, y = made.example(TRIED)
            worst = float((again(z, y) - made(z, y)).abs().max())
        require(worst <= TOLERANCE, args.format, f"{worst:.2g} from the run's samples", f"at most {TOLERANCE:g}")
    note = out.with_name(f"{out.name}.md")
    write_text(note, _note(out, args.format, made))
    told = {"file": str(out), "note": str(note), "format": args.format, "difference": worst, **made.about}
    if args.json:
        print(json.dumps(told, indent=1))
    else:
        print(f"{out}: {_arrow(made)}; at most {worst:.1g} from the run's own samples; {note} says how to use it")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="saddle export", description="Write a run's generator as one file for other programs.")
    parser.add_argument("run", help="the run's folder, such as runs/0001")
    parser.add_argument("--format", default="onnx", help=f"{', '.join(SUFFIXES)} (default: onnx)")
    parser.add_argument("--out", help="the file (default: generator.onnx, generator.pt2 or generator.safetensors)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


Call = Callable[["Tensor", "Tensor | None"], "Tensor"]
"""The written file as a function of z and labels."""


def _safetensors(made: "Generator", path: Path) -> Call:
    from safetensors.torch import save

    from saddle.app.generator import load_file

    tensors = {name: value.contiguous().clone() for name, value in made.state_dict().items()}
    path.write_bytes(save(tensors, {"saddle": json.dumps(made.about)}))
    return load_file(path)


def _torch(made: "Generator", path: Path) -> Call:
    import torch

    torch.export.save(_traced(made), path, extra_files={"saddle.json": json.dumps(made.about)})
    program = torch.export.load(path).module()
    return lambda z, y: program(z) if y is None else program(z, y)


def _onnx(made: "Generator", path: Path) -> Call:
    import onnxruntime
    import torch

    names = [*made.about["inputs"]]
    program = torch.onnx.export(
        _traced(made), input_names=names, output_names=["x"], opset_version=OPSET, dynamo=True, verbose=False
    )
    assert program is not None
    program.model.metadata_props["saddle"] = json.dumps(made.about)
    program.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(z: "Tensor", y: "Tensor | None") -> "Tensor":
        given = {name: value.numpy() for name, value in zip(names, (z, y), strict=False) if value is not None}
        return torch.from_numpy(session.run(["x"], given)[0])

    return run


FORMATS: dict[str, Callable[["Generator", Path], Call]] = {
    "onnx": _onnx,
    "torch": _torch,
    "safetensors": _safetensors,
}
"""What writes each format and reads it back."""
SUFFIXES = {"onnx": ".onnx", "torch": ".pt2", "safetensors": ".safetensors"}
NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime")}


def _require_packages(form: str) -> None:
    missing = next((name for name in NEEDED.get(form, ()) if find_spec(name) is None), None)
    if missing is not None:
        raise ValueError(
            f"format={form}: it needs the package {missing}; get it with: pip install 'saddle-gan[export]'"
        )


def _traced(made: "Generator") -> Any:
    """The generator as a program of torch's for any number of samples."""
    import torch

    z, y = made.example(3)
    free = {0: torch.export.Dim("N", min=1)}
    given = (z,) if y is None else (z, y)
    return torch.export.export(made, given, dynamic_shapes=(free,) * len(given), strict=False)


@contextmanager
def _quiet() -> "Iterator[None]":
    """The exporters talk of their own affairs, on both streams: what matters is measured afterwards."""
    import contextlib
    import io
    import logging

    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _arrow(made: "Generator") -> str:
    def spell(shapes: dict[str, list[Any]]) -> str:
        return ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes.items())

    return f"{spell(made.about['inputs'])} -> {spell(made.about['outputs'])}"


USES = {
    "onnx": """import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("{file}")
(x,) = session.run(["x"], {{"z": np.random.randn(16, {z_dim}).astype(np.float32){label}}})""",
    "torch": """import torch
generator = torch.export.load("{file}").module()
x = generator(torch.randn(16, {z_dim}){label})""",
    "safetensors": """import saddle
generator = saddle.load("{file}")
x = generator.sample(16, seed=0)""",
}
LABELS = {"onnx": ', "y": np.zeros(16, np.int64)', "torch": ", torch.zeros(16, dtype=torch.int64)", "safetensors": ""}


def _note(out: Path, form: str, made: "Generator") -> str:
    """How to use the file, and what must be said of the data."""
    about, data = made.about, made.about["data"]
    code = USES[form].format(file=out.name, z_dim=made.z_dim, label=LABELS[form] if made.classes else "")
    lines = [
        f"# {out.name}",
        f"A generator that learnt {data['name']} by {about['recipe']}: {_arrow(made)}.",
        "z is drawn from N(0, I), float32; N is any number from 1.",
        "Points are as the data have them." if made.spec.points else "Images lie in [-1, 1], channels before rows.",
    ]
    if made.classes:
        names = ", ".join(f"{k} {name}" for k, name in enumerate(made.class_names))
        lines.append(f"y is int64, from 0 to {made.classes - 1}{': ' * bool(names)}{names}.")
    lines += [f"```python\n{code}\n```"]
    if data.get("licence"):
        lines.append(f"It learnt from data whose makers ask for this line: {data['licence']}")
    return "\n\n".join(lines) + "\n"
