"""The notebook as it is stored: small, complete, and from nobody's machine."""

import re

from tests.docs.tutorials import NOTEBOOK, notebook_cells

LARGEST_BYTES = 300_000


def test_outputs_are_stored() -> None:
    """Every cell that shows something has it stored, without errors and absolute paths."""
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) <= LARGEST_BYTES
    shown = [cell for cell in notebook_cells() if cell["outputs"]]
    assert len(shown) >= 7
    assert all(output["output_type"] != "error" for cell in shown for output in cell["outputs"])
    assert not re.search(r"(?<![\w.:/<-])/(?:home|root|tmp|Users|var)/", text)
