"""``saddle lab``: one formula, figure or table of the lectures, computed, drawn and told in numbers."""

import base64
import html
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.parser import parse_settings, setting_names
from saddle.config import require
from saddle.writing import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image
    from rich.table import Table

    from saddle.theory.lab import Lab

__all__ = ["film_page", "main", "save"]

FORMATS = (".png", ".gif", ".html")
DPI, FILM_DPI = 144, 88
"""Of a still picture, and of an animation's, which there are many of."""


def main(argv: list[str]) -> int:
    """Run a lab, write its picture, print its numbers as a table or as JSON."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0 if argv else 2
    from saddle.theory.labs import find, names

    name = argv[0]
    module = find(name)
    config, out, as_json = _parse(f"saddle lab {name}", names()[name], argv[1:], module.Config)
    out = out or Path(f"{name}.png")
    valid = out.suffix in FORMATS and bool(out.stem)
    require(valid, "out", out, "a name ending in .png, .gif or .html")
    lab: Lab = module.run(config)
    with replacing(out) as part:
        save(lab, part, out.suffix)
    if as_json:
        print(json.dumps(lab.document() | {"figure": str(out)}, indent=1, allow_nan=False))
    else:
        _tell(lab, out)
    return 0


def save(lab: "Lab", path: Path, suffix: str) -> None:
    """Write a lab's picture.

    Args:
        lab: what was computed.
        path: the file, whatever its name.
        suffix: ``.png`` is the still picture, ``.gif`` the animation, ``.html`` a page of its own with a slider.
    """
    if suffix == ".png":
        path.write_bytes(_png(lab.figure(), DPI))
    elif suffix == ".gif":
        frames = [_image(figure) for figure in lab.film()]
        pause = [90] * (len(frames) - 1) + [1600]  # milliseconds; the last one stays
        frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=pause, loop=0)
    else:
        path.write_text(film_page(lab), encoding="utf-8")


def film_page(lab: "Lab") -> str:
    """One page with everything in it: the pictures behind a slider, what they show, and the numbers."""
    pictures = [_png(figure, FILM_DPI if lab.frames else DPI) for figure in lab.film()]
    sources = [f"data:image/png;base64,{base64.b64encode(data).decode()}" for data in pictures]
    slider = SLIDER.format(last=len(sources) - 1, sources=json.dumps(sources)) if len(sources) > 1 else ""
    rows = "".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in _flat(lab.values))
    return PAGE.format(
        name=html.escape(lab.name),
        lecture=html.escape(lab.lecture),
        says=html.escape(lab.says),
        first=sources[-1],
        slider=slider,
        rows=rows,
    )


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name} · saddle lab</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #30343b; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
img {{ width: 100% }} input {{ width: 100% }}
td {{ padding: .15rem 1.5rem .15rem 0; font-variant-numeric: tabular-nums; border-bottom: 1px solid #e4e4e4 }}
</style></head><body>
<h1>{name} <small>{lecture}</small></h1>
<p>{says}</p>
<img id="picture" alt="{name}" src="{first}">
{slider}
<table>{rows}</table>
</body></html>
"""
SLIDER = """<input id="time" type="range" min="0" max="{last}" value="{last}" aria-label="time">
<button id="play">play</button>
<script>
const frames = {sources}, picture = document.getElementById("picture"), time = document.getElementById("time");
const show = i => {{ time.value = i; picture.src = frames[i]; }};
let clock = null;
time.oninput = () => show(Number(time.value));
document.getElementById("play").onclick = () => {{
  clearInterval(clock);
  let i = 0;
  clock = setInterval(() => {{ show(i); if (++i >= frames.length) clearInterval(clock); }}, 120);
}};
</script>"""


def _parse(prog: str, summary: str, argv: Sequence[str], config: type) -> tuple[Any, Path | None, bool]:
    from jsonargparse import ArgumentParser, set_parsing_settings

    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(prog=prog, description=summary, exit_on_error=False)
    parser.add_argument("--out", help="X.png, X.gif or X.html; by default the lab's name with .png, in this folder.")
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")
    parser.add_class_arguments(config, as_group=True)
    given = parse_settings(parser, argv, (config,), ("out", "json"))
    settings = config(**{name: given[name] for name in setting_names(config)})
    return settings, Path(given["out"]) if given["out"] else None, given["json"]


def _help() -> str:
    from saddle.theory.labs import catalogue

    entries = catalogue()
    width = max(len(entry["name"]) for entry in entries)
    lines = [f"  {entry['name']:<{width}}  {entry['lecture']:<7} {entry['summary']}" for entry in entries]
    return f"""usage: saddle lab NAME [--out X.png|X.gif|X.html] [--json] [...the lab's own flags]

A formula, a figure or a table of the lectures, computed and drawn. saddle lab NAME --help lists a lab's flags.

labs:
{chr(10).join(lines)}"""


def _tell(lab: "Lab", out: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    tables: dict[str, Any] = {name: value for name, value in lab.values.items() if _is_table(value)}
    console.print(_pairs([(k, v) for k, v in lab.values.items() if k not in tables]))
    for name, value in tables.items():
        console.print()
        console.print(_grid(name, value))
    console.print()
    console.print(lab.says, soft_wrap=not sys.stdout.isatty())
    console.print(f"picture: {out}", style="dim")


def _is_table(value: Any) -> bool:
    """Whether it is rows by name, each with the same columns."""
    if not isinstance(value, Mapping) or not value or not all(isinstance(row, Mapping) for row in value.values()):
        return False
    return len({tuple(row) for row in value.values()}) == 1


def _pairs(values: Sequence[tuple[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in values:
        for key, text in _flat({name: value}):
            table.add_row(key, text)
    return table


def _grid(name: str, rows: Mapping[str, Mapping[str, Any]]) -> "Table":
    from rich.table import Table

    columns = list(next(iter(rows.values())))
    table = Table(name, *columns, box=None, header_style="bold", pad_edge=False)
    for row, cells in rows.items():
        table.add_row(row, *(_word(cells[column]) for column in columns))
    return table


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{before}{name}: ")
        else:
            found.append((before + name, _word(value)))
    return found


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        shown = [_word(inner) for inner in value[:8]]
        return ", ".join(shown + ["..."] * (len(value) > 8))
    if isinstance(value, float):
        return "infinite" if value == math.inf else f"{value:.6g}"
    return str(value)


def _png(figure: "Figure", dpi: int) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _image(figure: "Figure") -> "Image":
    from PIL import Image

    return Image.open(io.BytesIO(_png(figure, FILM_DPI))).convert("RGB").quantize(128)
