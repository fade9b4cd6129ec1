"""The page of supported operators follows the constraints."""

import runpy
from pathlib import Path

from tinydet.compiler.constraints import CONSTRAINTS
from tinydet.compiler.ir import OPTIONS_OF_KIND

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "supported_ops.md"
supported_ops_text = runpy.run_path(str(DOCS / "make_supported_ops.py"))["supported_ops_text"]


def test_the_page_is_current():
    """Write it with: python docs/make_supported_ops.py."""
    assert PAGE.read_text(encoding="utf-8") == supported_ops_text()


def test_every_operator_has_a_section():
    text = supported_ops_text()
    assert [k for k in OPTIONS_OF_KIND if f"\n## {k}\n" not in text] == []


def test_every_constraint_says_what_to_do():
    for rule in CONSTRAINTS:
        assert rule.rule.endswith(".")
        assert rule.remedy.endswith(".")
        assert rule.rule != rule.remedy
        assert set(rule.kinds) <= set(OPTIONS_OF_KIND)
