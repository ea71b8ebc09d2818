"""The pieces of a page that needs nothing but itself: pictures as data URIs, tables, a slider, the style."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

__all__ = ["commands", "facts", "flat", "frames", "note", "page", "picture", "rows", "section", "table", "vector"]

STYLE = """
:root { color-scheme: light dark; --paper: #fbfbfa; --ink: #1d2125; --soft: #666d75; --line: #e2e3e5; --card: #fff;
  --accent: #3a7ca5; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181b; --ink: #e6e8ea; --soft: #98a0a8; --line: #2c3136; --card: #1c2024; --accent: #6fb1d8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 34px; line-height: 1.2; margin: 0 0 4px; font-weight: 650; letter-spacing: -0.015em; }
h2 { font-size: 19px; margin: 0 0 2px; font-weight: 620; }
p { margin: 0; }
.kind { color: var(--soft); margin-bottom: 28px; }
.note { color: var(--soft); font-size: 14.5px; max-width: 46em; margin-bottom: 14px; }
section { margin-top: 52px; min-width: 0; }
.top { display: grid; grid-template-columns: minmax(0, 1fr) 230px; gap: 40px; align-items: start; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 40px; align-items: start; }
@media (max-width: 800px) {
  .top, .pair { grid-template-columns: minmax(0, 1fr); gap: 0; } .top dl { margin-top: 24px; } }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
img.wide { width: 100%; }
.rows { display: grid; grid-template-columns: max-content minmax(0, 1fr); align-items: center; gap: 4px 14px; }
.rows span { color: var(--soft); font-size: 14px; text-align: right; }
dl { margin: 0; } dt { color: var(--soft); font-size: 13.5px; }
dd { margin: 0 0 12px; font-variant-numeric: tabular-nums; }
.slide { display: flex; align-items: center; gap: 14px; margin-top: 12px; }
.slide input { flex: 1; accent-color: var(--accent); min-width: 0; }
.slide button { font: inherit; font-size: 14px; color: inherit; background: none; border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 12px; cursor: pointer; }
.caption { color: var(--soft); font-size: 14px; font-variant-numeric: tabular-nums; margin: 8px 0; }
table { border-collapse: collapse; font-size: 14px; width: 100%; } .scroll { overflow-x: auto; }
.settings { columns: 2; column-gap: 48px; } @media (max-width: 800px) { .settings { columns: 1; } }
.settings div { break-inside: avoid; margin-bottom: 22px; } .settings h3 { margin-top: 0; }
h3 { font-size: 14px; font-weight: 600; margin: 14px 0 4px; color: var(--soft); }
td { padding: 4px 16px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:first-child { color: var(--soft); white-space: nowrap; width: 1%; overflow-wrap: normal; }
td:last-child { font-variant-numeric: tabular-nums; padding-right: 0; }
pre { margin: 4px 0 16px; padding: 11px 14px; background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 13.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
"""

SLIDER = """
for (const slide of document.querySelectorAll(".frames")) {
  const all = slide.querySelectorAll("figure"), bar = slide.querySelector("input");
  if (!bar) continue;
  const play = slide.querySelector("button");
  const show = () => all.forEach((one, i) => { one.hidden = i != bar.value; });
  let clock = null;
  const stop = () => { clearInterval(clock); clock = null; play.textContent = "Play"; };
  bar.oninput = () => { stop(); show(); };
  play.onclick = () => {
    if (clock) return stop();
    play.textContent = "Stop";
    if (+bar.value == all.length - 1) { bar.value = 0; show(); }
    clock = setInterval(() => { bar.value = +bar.value + 1; show(); if (+bar.value == all.length - 1) stop(); }, 450);
  };
}
"""
"""Without scripts the last picture shows."""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML document. It refers to nothing outside itself."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{''.join(body)}</main>\n<script>{SLIDER}</script>\n"
        f"</body>\n</html>\n"
    )


def section(name: str, title: str, *parts: str) -> str:
    """A titled part of the page; ``name`` is its anchor."""
    return f'<section id="{escape(name)}">\n<h2>{escape(title)}</h2>\n{"".join(parts)}</section>\n'


def note(text: str) -> str:
    """A line under a title."""
    return f'<p class="note">{escape(text)}</p>\n'


def picture(image: Image.Image | Path, alt: str) -> str:
    """A picture or a PNG file, inline, at its own size where there is place."""
    if isinstance(image, Path):
        content = image.read_bytes()
    else:
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        content = buffer.getvalue()
    return _img("image/png", content, alt, "own")


def vector(content: bytes, alt: str) -> str:
    """An SVG drawing, inline, as wide as its place."""
    return _img("image/svg+xml", content, alt, "wide")


def rows(captioned: Iterable[tuple[str, Image.Image]]) -> str:
    """Pictures below each other, the caption of each on its left."""
    lines = "".join(f"<span>{escape(caption)}</span>{picture(image, caption)}" for caption, image in captioned)
    return f'<div class="rows">{lines}</div>\n'


def frames(pictures: Sequence[tuple[str, Path]]) -> str:
    """Captioned PNG files in one place, with a slider through them; at first the last one shows."""
    last = len(pictures) - 1
    figures = "".join(
        f"<figure style='margin:0'{'' if i == last else ' hidden'}>{picture(file, caption)}"
        f'<figcaption class="caption">{escape(caption)}</figcaption></figure>\n'
        for i, (caption, file) in enumerate(pictures)
    )
    bar = f'<input type="range" min="0" max="{last}" value="{last}" aria-label="round">'
    control = f'<div class="slide"><button type="button">Play</button>{bar}</div>' if last else ""
    return f'<div class="frames">{figures}{control}</div>\n'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, one below the other."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs) + "</dl>\n"


def flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and values in words.

    >>> flat({"seed": 0, "data": {"size": 32, "names": []}})
    [('seed', '0'), ('data.size', '32'), ('data.names', 'none')]
    """
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found += flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", _word(value)))
    return found


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Two columns: names and values."""
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table><tbody>{cells}</tbody></table>\n"


def commands(pairs: Iterable[tuple[str, str]]) -> str:
    """What each command does, and the command."""
    return "".join(f"<h3>{escape(what)}</h3><pre>{escape(command)}</pre>\n" for what, command in pairs)


def _img(kind: str, content: bytes, alt: str, style: str) -> str:
    data = base64.b64encode(content).decode()
    return f'<img class="{style}" alt="{escape(alt)}" src="data:{kind};base64,{data}">\n'


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
