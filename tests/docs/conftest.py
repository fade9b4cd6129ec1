"""The first tutorial, followed once for all that build on it."""

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs/tutorials/first_detector.ipynb"
SMALL = "IMAGES, EPOCHS = 24, 1"  # in place of the parameters of the notebook


def code_cells() -> list[str]:
    """The code of the notebook, with parameters that a test can wait for."""
    cells = [c for c in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]]
    return [
        SMALL if "parameters" in cell["metadata"].get("tags", ()) else "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; the value of its last line, if that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), str(NOTEBOOK), "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "", "eval"), names)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Any]]]:
    """Folder with ``shapes`` and ``first_run`` of the notebook, and what its cells showed."""
    import keras

    folder, before = tmp_path_factory.mktemp("tutorials"), Path.cwd()
    compile_model = keras.Model.compile
    with pytest.MonkeyPatch.context() as patch:
        # One step of training: to make a graph takes longer.
        patch.setattr(
            keras.Model,
            "compile",
            lambda model, **options: compile_model(model, **options, run_eagerly=True),
        )
        os.chdir(folder)
        try:
            names: dict[str, Any] = {}
            yield folder, [run_cell(source, names) for source in code_cells()]
        finally:
            os.chdir(before)
