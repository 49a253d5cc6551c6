"""A file imports only from the rows above its own: this keeps the code base free of cycles and easy to enter."""

import ast
from pathlib import Path

import pytest

import depthkit

ROOT = Path(depthkit.__file__).parent
ROWS = [
    {"registry", "distributed", "logs", "signals"},
    {"config", "optim", "checkpoint", "metrics", "protocols", "visualize"},
    {"data", "models"},
    {"evaluate"},
    {"hooks"},
    {"runner"},
    {"build"},
    {"train", "test", "infer", "synthesize", "check_data"},
]
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}
# data and models share a row but do not know each other; inside one of them anything may import anything
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
HEADS = [path for path in FILES if path.parent.name in ("heads", "necks")]


def imported_modules(path):
    """The names "x.y" of depthkit.x.y that a file imports, those for type checkers alone left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("depthkit.") for name in names if name.startswith("depthkit."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_to_rows_above(path):
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    for name in imported_modules(path):
        other = name.split(".")[0]
        if other == "__version__" or other == own:
            continue
        assert ROW_OF[other] < ROW_OF[own], f"{path.name} (row {ROW_OF[own]}) imports {other} (row {ROW_OF[other]})"


@pytest.mark.parametrize("path", HEADS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_head_never_imports_a_backbone(path):
    assert not [name for name in imported_modules(path) if name.startswith("models.backbones")]
