"""What Unicode says of an emoji: its group, its name, and which others it is only a variant of."""

from bisect import bisect_right
from functools import cache
from unicodedata import name as unicode_name

__all__ = ["EXTRAS", "GROUPS", "base", "group", "title"]

EXTRAS = "extras"
"""The group of drawings that are no emoji of Unicode's."""
NEWEST = 17
"""The version of Unicode's list of emoji; later ones are extras, whatever the package emoji knows of them."""

# Where, from a code point on, the emoji that begin with it are of this group: from emoji-test.txt, version 17.0,
# (c) 2025 Unicode, Inc., Unicode License v3. Its nine components, of skin and hair, are counted as of people.
_STARTS = {
    "smileys-emotion": "2620 2639 2763 1F479 1F47D 1F48B 1F493 1F4A2 1F4A4 1F4A8 1F4AB 1F4AF 1F573 1F5A4 1F5E8 1F600"
    " 1F648 1F90D 1F910 1F920 1F927 1F970 1F978 1F9D0 1F9E1 1FA75 1FAE0 1FAE8",
    "people-body": "261D 26F7 26F9 270A 1F385 1F3C2 1F3C7 1F3CA 1F3FB 1F440 1F463 1F47C 1F481 1F485 1F48F 1F491 1F4AA"
    " 1F574 1F57A 1F590 1F5E3 1F645 1F64B 1F6A3 1F6B4 1F6C0 1F6CC 1F90C 1F90F 1F918 1F926 1F930 1F977 1F9B0 1F9BB 1F9BE"
    " 1F9CC 1F9D1 1FAC0 1FAE6 1FAF0",
    "animals-nature": "2618 1F331 1F337 1F33E 1F3F5 1F400 1F490 1F4AE 1F54A 1F577 1F940 1F980 1FAB0 1FAB6 1FACD",
    "food-drink": "2615 1F32D 1F336 1F33D 1F345 1F382 1F3FA 1F52A 1F942 1F950 1F9C0 1FAD0",
    "travel-places": "231A 23F0 2600 2614 2668 2693 26A1 26C4 26E9 26F4 26FA 2708 2744 2B50 1F300 1F3A0 1F3AA 1F3CD"
    " 1F3D4 1F3E8 1F3EF 1F488 1F492 1F4A7 1F4BA 1F525 1F54B 1F550 1F570 1F5FA 1F680 1F6A4 1F6B2 1F6CE 1F6D1 1F6D5 1F6D8"
    " 1F6DD 1F6E2 1F6F8 1F9BC 1F9ED 1F9F1 1F9F3 1FA82 1FA90 1FAA8 1FAB5",
    "activities": "265F 26BD 26F3 26F8 2728 1F004 1F380 1F383 1F386 1F38D 1F396 1F39F 1F3A3 1F3A8 1F3AB 1F3AD 1F3BD"
    " 1F3C5 1F3C8 1F3CF 1F3F8 1F52B 1F52E 1F579 1F5BC 1F6F7 1F93F 1F945 1F9E7 1F9F5 1F9F8 1FA80 1FA84 1FAA1 1FAA9",
    "objects": "2328 260E 2692 2694 2696 26B0 26CF 2702 2709 270F 1F392 1F399 1F3A4 1F3A7 1F3A9 1F3AC 1F3B5 1F3EE 1F3F7"
    " 1F3F9 1F451 1F484 1F489 1F48D 1F4A1 1F4A3 1F4B0 1F4B3 1F4BB 1F4DC 1F4F7 1F507 1F526 1F52C 1F56F 1F576 1F587 1F5A5"
    " 1F5C2 1F5F3 1F5FF 1F6AA 1F6AC 1F6BD 1F6BF 1F6C1 1F6CB 1F6CD 1F6CF 1F6D2 1F6D7 1F6E0 1F941 1F97B 1F9AF 1F9BA 1F9E2"
    " 1F9EA 1F9EE 1F9F2 1F9F4 1F9F7 1F9F9 1FA78 1FA83 1FA87 1FA91 1FAA3 1FAAA 1FAE7",
    "symbols": "23 23CF 23F8 2611 2622 2640 267B 2695 269B 26A7 26CE 26D4 2705 2714 2733 2747 2795 2B55 1F170 1F201"
    " 1F3A6 1F3E7 1F4A0 1F4B1 1F4DB 1F4F3 1F500 1F518 1F52F 1F54E 1F6AB 1F6AD 1F6B3 1F6B7 1F6BE 1F6C2 1F6D0 1F6DC 1F7E0"
    " 1FAAF 1FADF",
    "flags": "1F1E6 1F38C 1F3C1 1F3F3 1F6A9",
}
GROUPS = (*_STARTS, EXTRAS)
"""The groups in Unicode's order, and the extras."""
_RUNS = sorted((int(start, 16), name) for name, starts in _STARTS.items() for start in starts.split())

_TONES = range(0x1F3FB, 0x1F400)
_PRESENTED, _JOINED = 0xFE0F, 0x200D
_TURNED = {0x2640, 0x2642, 0x27A1}
"""Joined behind a person: a woman, a man, facing right."""
_ODD: dict[tuple[int, ...], str] = {
    (0x1F441, _JOINED, 0x1F5E8): "smileys-emotion",
    (0x1F344, _JOINED, 0x1F7EB): "food-drink",
}
"""The two that are of another group than the emoji they begin with."""
_SAME = {
    0x1F468: (0x1F9D1,),  # man, woman, blond, frowning, pouting: person; their drawings are all but the same
    0x1F469: (0x1F9D1,),
    0x1F471: (0x1F9D1,),
    0x1F64D: (0x1F9D1,),
    0x1F64E: (0x1F9D1,),
    0x1F46A: (0x1F9D1, 0x1F9D1, 0x1F466),  # family
    0x1F46B: (0x1F9D1, 0x1FAF1, 0x1FAF2, 0x1F9D1),  # two holding hands, spelt with both where their skins differ
    0x1F46C: (0x1F9D1, 0x1FAF1, 0x1FAF2, 0x1F9D1),
    0x1F46D: (0x1F9D1, 0x1FAF1, 0x1FAF2, 0x1F9D1),
    0x1F46F: (0x1F9D1, 0x1F430, 0x1F9D1),  # with bunny ears
    0x1F48F: (0x1F9D1, 0x2764, 0x1F48B, 0x1F9D1),  # kissing
    0x1F491: (0x1F9D1, 0x2764, 0x1F9D1),  # with a heart
    0x1F93C: (0x1F9D1, 0x1FAEF, 0x1F9D1),  # wrestling
    0x1F91D: (0x1FAF1, 0x1FAF2),  # shaking hands
}
"""Emoji of one code point that are also spelt as others."""
_FLAGS = {"HM": "AU", "CP": "FR", "MF": "FR", "EA": "ES", "MC": "ID", "BV": "NO", "SJ": "NO", "TD": "RO", "UM": "US"}
"""Places that fly another's flag, or one that cannot be told from it, by their ISO 3166 codes."""
_LETTER_A, _TAG, _END = 0x1F1E6, 0xE0000, 0xE007F
"""What spells the codes of flags: the first of 26 letters, and letters behind a black flag with the last of them."""


def group(code: str) -> str:
    """One of `GROUPS`.

    Args:
        code: code points in hex with hyphens, as OpenMoji names its files.

    >>> group("1F600"), group("1F469-1F3FD-200D-1F3A8"), group("E000")
    ('smileys-emotion', 'people-body', 'extras')
    """
    points = _points(code)
    if points not in _listed():
        return EXTRAS
    return _ODD.get(points) or _RUNS[bisect_right(_RUNS, (points[0], "~")) - 1][1]


def title(code: str) -> str:
    """What it shows, in English: Unicode's name; of extras the names of their parts; nothing where there are none.

    >>> title("1F469-1F3FD-200D-1F3A8"), title("1F1EB-1F1EE"), title("2605"), title("E000")
    ('woman artist medium skin tone', 'flag: Finland', 'black star', '')
    """
    points = _points(code)
    known = _listed().get(points)
    if known is None and points[-1] == _END:
        place = "".join(chr(p - _TAG) for p in points[1:-1]).upper()
        return f"flag: {place[:2]}-{place[2:]}"  # by its ISO 3166-2 code
    if known is None:
        return ", ".join(filter(None, (unicode_name(chr(p), "").lower() for p in points if p != _JOINED)))
    text = known.strip(":").replace("_", " ")
    return f"flag: {text}" if group(code) == "flags" and len(points) > 1 and _JOINED not in points else text


def base(code: str) -> str:
    """The emoji of which this is a variant in colour of skin, sex or direction; itself where it is none.

    >>> {base(code) for code in ("1F477", "1F477-1F3FD", "1F477-1F3FF-200D-2640-FE0F")}
    {'1F477'}
    """
    points = [p for p in _points(code) if p != _JOINED]
    if len(points) > 1:
        points = [p for p in points if p not in _TONES and p not in _TURNED] or points
    letters = "".join(chr(ord("A") + p - _LETTER_A) for p in points if _LETTER_A <= p < _LETTER_A + 26)
    if letters in _FLAGS:
        points = [_LETTER_A + ord(letter) - ord("A") for letter in _FLAGS[letters]]
    return "-".join(f"{p:X}" for point in points for p in _SAME.get(point, (point,)))


def _points(code: str) -> tuple[int, ...]:
    """Without the mark that asks for a picture in place of a letter, which some spellings leave out."""
    points = [int(point, 16) for point in code.split("-")]
    return tuple(point for point in points if point != _PRESENTED)


@cache
def _listed() -> dict[tuple[int, ...], str]:
    """Names of Unicode's emoji by their code points."""
    from emoji import EMOJI_DATA

    known = ((text, entry) for text, entry in EMOJI_DATA.items() if entry["E"] <= NEWEST)
    return {tuple(ord(c) for c in text if ord(c) != _PRESENTED): entry["en"] for text, entry in known}
