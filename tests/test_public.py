"""What a user may call: it exists, says what it does, and is fully typed."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted((ROOT / "saddle").rglob("*.py"))
    if file.stem != "__main__"
]
TOLD_BY_THE_CONTRACT = {"SOURCE", "SMALL"}  # every recipe has them; docs/adding-a-gan.md says what they are


def public_names(module: ModuleType) -> list[str]:
    """A module's ``__all__``, or without one everything it defines that has no underscore in front."""
    own = [n for n, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return list(getattr(module, "__all__", [n for n in own if not n.startswith("_")]))


def documented_assignments(body: list[ast.stmt]) -> dict[str, bool]:
    """Each name assigned to in ``body``, and whether a docstring stands beneath."""
    found = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: told for target in targets if isinstance(target, ast.Name)}
    return found


def is_class_variable(line: ast.stmt) -> bool:
    """Whether ``line`` annotates a name as ClassVar, which makes it no field of a dataclass."""
    return isinstance(line, ast.AnnAssign) and ast.unparse(line.annotation).startswith("ClassVar")


def functions(name: str, value: object) -> Iterator[tuple[str, object]]:
    """The function itself, or what a user can call of a class, with their names."""
    if not inspect.isclass(value):
        yield name, value
        return
    for attribute in vars(value):
        method = inspect.getattr_static(value, attribute)
        method = getattr(method, "fget", None) or getattr(method, "func", None) or getattr(method, "__func__", method)
        generated = not inspect.isfunction(method) or method.__code__.co_filename.startswith("<")
        generated = generated or method.__module__ == "typing"  # what a protocol is given
        if not generated and (not attribute.startswith("_") or attribute == "__init__"):
            yield f"{name}.{attribute}", method


def unannotated(function: object) -> list[str]:
    """Parameters without a type, and ``return``."""
    signature = inspect.signature(function)
    missing = [
        p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")
    ]
    return missing + ["return"] * (signature.return_annotation is signature.empty)


def is_documented(value: object) -> bool:
    """Whether a docstring was written for it; a dataclass makes one from its fields, which does not count."""
    return bool(text := inspect.getdoc(value)) and not text.startswith(f"{getattr(value, '__name__', '')}(")


def offences(module: ModuleType, name: str) -> Iterator[str]:
    """What is missing from a public name: itself, its docstring, a type."""
    if not hasattr(module, name):
        yield f"{name} is in __all__, but not there"
        return
    value = getattr(module, name)
    notes = documented_assignments(ast.parse(inspect.getsource(module)).body)
    if not notes.get(name, True) and name not in TOLD_BY_THE_CONTRACT:
        yield f"{name} has no docstring beneath"
    if name in notes or getattr(value, "__module__", None) != module.__name__:
        return  # a constant, or a name handed on: the module it comes from answers for it
    if not is_documented(value):
        yield f"{name} has no docstring"
    for called, function in functions(name, value):
        # `getdoc` of the attribute, so that a method which overrides a documented one needs no second docstring
        if not called.endswith(".__init__") and not is_documented(attrgetter(called)(module)):
            yield f"{called} has no docstring"
        if missing := unannotated(function):
            yield f"{called} has no type for {', '.join(missing)}"


@pytest.mark.parametrize("module_name", MODULES)
def test_public_names_exist_and_are_documented_and_typed(module_name):
    module = importlib.import_module(module_name)
    found = [line for name in public_names(module) for line in offences(module, name)]
    assert not found, "\n".join(found)


def test_every_setting_of_a_recipe_says_what_it_is():
    """The docstring beneath a field is the help of its flag; a ClassVar is no field and has none."""
    undocumented = [
        f"{file.relative_to(ROOT)}: {node.name}.{name}"
        for file in sorted((ROOT / "saddle" / "recipes").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Config")
        for name, told in documented_assignments([line for line in node.body if not is_class_variable(line)]).items()
        if not told
    ]
    assert not undocumented, "\n".join(undocumented)


class Faulty:
    def run(self, rounds):
        pass


def test_a_fault_is_found():
    """A method that tells neither what it does nor what it takes."""
    module = ModuleType(Faulty.__module__)
    module.Faulty = Faulty
    module.__file__ = __file__
    found = list(offences(module, "Faulty"))
    assert found == [
        "Faulty has no docstring",
        "Faulty.run has no docstring",
        "Faulty.run has no type for rounds, return",
    ]
