"""The order of packages and rooms, read from the imports: downwards, without circles, by name.

A room is a folder below a package, or a module at its top. Imports inside functions count too;
names that are looked up by string (`train.denoise_audio` from `export`) do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From top to bottom. A package imports only packages that stand after it here.
PACKAGES = ("benchmarks", "export", "train", "rtdenoise")
# A room imports only rooms of lower floors (further right).
FLOORS = {
    "rtdenoise": """__main__ | __init__ cli | app batch doctor integrations | live denoiser
        | recording stream | compare processing | files inference | checks command
        | constants errors models telemetry""",
    "train": """__init__ __main__ | average examples grow moved personal | loop | sources trainer
        | checkpoint device distributed memory metrics plots progress | config mixing optim
        | data losses options | networks""",
    "export": "__init__ __main__ triton denoise | onnx_export options | parity precision",
    "benchmarks": """__init__ __main__ | commands | readme | comparison gpu_tables heldout_tables
        | sound | speed | live | peers reporting""",
}
# A room that runs any module of the others, so they need not be exported: `python -m benchmarks`.
RUNNERS = {"benchmarks.commands"}


def find_modules() -> dict[str, ast.Module]:
    """Return the parsed modules of all packages by dotted name."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return {
        name.removesuffix(".__init__"): ast.parse(path.read_text("utf-8"))
        for name, path in zip(names, files, strict=True)
    }


MODULES = find_modules()
FOLDERS = {name for name in MODULES if any(other.startswith(f"{name}.") for other in MODULES)}


def imports_of(module: str) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) for every import; name is None where a module itself is imported."""
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".") if node.level else []
            parts = parts[: len(parts) - node.level + (module in FOLDERS)]
            base = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner, None) if inner in MODULES else (base, alias.name)


EDGES = [(module, *edge) for module in MODULES for edge in imports_of(module)]
OWN = [edge for edge in EDGES if edge[1] in MODULES]


def room_of(module: str) -> str:
    """Return the room of a module, such as `rtdenoise.files`."""
    return ".".join(module.split(".")[:2])


def height(room: str) -> tuple[int, int]:
    """Return the height of a room; an import must go to a lower one."""
    package, _, name = room.partition(".")
    floors = [floor.split() for floor in FLOORS[package].split("|")]
    found = [floor for floor, names in enumerate(floors) if (name or "__init__") in names]
    assert found, f"{room} is on no floor: add it to FLOORS"
    return -PACKAGES.index(package), -found[0]


def exported(folder: str) -> set[str]:
    """Return the names in `__all__` of a folder's __init__."""
    for node in MODULES[folder].body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return {item.value for item in ast.walk(node) if isinstance(item, ast.Constant)}
    return set()


def is_allowed(module: str, target: str, name: str | None) -> bool:
    """Return whether a room exports what another room imports: `name`, or the module `target`."""
    room = room_of(target)
    if target == room and name is None:
        return True
    if room in FOLDERS and room_of(module) not in RUNNERS:
        inner = name if target == room else target.split(".")[2]
        return inner in exported(room)
    return not (name or "").startswith("_")


BETWEEN_ROOMS = [edge for edge in OWN if room_of(edge[0]) != room_of(edge[1])]


def test_every_room_has_a_floor():
    assert all(height(room_of(module)) for module in MODULES)


def test_no_import_goes_upwards():
    assert len(BETWEEN_ROOMS) > 100
    upwards = [
        f"{module} imports {target}"
        for module, target, _ in BETWEEN_ROOMS
        if height(room_of(module)) <= height(room_of(target))
    ]
    assert not upwards


def test_modules_import_each_other_in_no_circle():
    graph = TopologicalSorter({module: set() for module in MODULES})
    for module, target, _ in OWN:
        graph.add(module, target)
    try:
        graph.prepare()
    except CycleError as error:
        pytest.fail(f"circle: {' <- '.join(error.args[1])}")


def test_rooms_import_only_what_other_rooms_export():
    hidden = [
        f"{module}: {target}.{name}" if name else f"{module}: {target}"
        for module, target, name in BETWEEN_ROOMS
        if not is_allowed(module, target, name)
    ]
    assert not hidden


def test_nothing_imports_the_tests():
    assert not [module for module, target, _ in EDGES if target.split(".")[0] == "tests"]


def test_every_public_module_has_a_docstring():
    public = [m for m in MODULES if not m.rpartition(".")[2].startswith("_")]
    assert not [module for module in public if not ast.get_docstring(MODULES[module])]
