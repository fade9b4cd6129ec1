"""The documentation as a site: make docs. Needs no network, and neither do its pages.

The source folder is the root of the repository, so that links from one file to another mean the
same here as in a checkout.
"""

import re
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

project = "tinydet"
author = "the tinydet authors"
copyright = "the tinydet authors, Apache-2.0"  # noqa: A001 - the name that Sphinx reads
version = release = installed_version("tinydet")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    "examples/*/README.md",
    "tinydet/pretrained/*/README.md",
]
nitpicky = False  # names of types of other packages are not linked
highlight_language = "none"

html_theme = "furo"
html_title = f"tinydet {release}"
html_show_sphinx = False
html_copy_source = False
html_domain_indices = False
html_static_path = ["static"]
html_js_files = ["scrollable.js"]
html_favicon = "pictures/icon.svg"
templates_path: list[str] = []

myst_heading_anchors = 4  # links name headings as on GitHub
nb_merge_streams = True
nb_execution_mode = "off"  # outputs are stored in the notebooks; a test runs them

autodoc_mock_imports = ["keras", "tensorflow"]  # seconds each, and no page needs them
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_rtype = False


# What screen readers need and the generator and its theme leave out: written -> with what it needs.
MENDED = (
    ('<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">'),
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer', '<aside aria-label="This page" class="toc-drawer'),
)
# Markdown has no table without a head: an empty cell of it heads nothing, and neither does a row.
HEAD_CELL = r'<th class="head( [^"]*)?"><p></p></th>'
EMPTY_HEAD = re.compile(rf"<thead>\s*<tr[^>]*>(\s*{HEAD_CELL})+\s*</tr>\s*</thead>")


def setup(app: Sphinx) -> None:
    """Before the pictures of a page are collected; when every page is written."""
    app.connect("doctree-read", add_dark_pictures, priority=400)
    app.connect("build-finished", mend_pages)


def mend_pages(app: Sphinx, exception: Exception | None) -> None:
    """Names for landmarks, levels for headings, no empty heads of tables."""
    if exception is None:
        for page in Path(app.outdir).rglob("*.html"):
            if "_downloads" not in page.parts:
                page.write_text(mended(page.read_text(encoding="utf-8")), encoding="utf-8")


def mended(page: str) -> str:
    """The text of a page with what screen readers need."""
    for written, needed in MENDED:
        page = page.replace(written, needed)
    return re.sub(HEAD_CELL, "<td></td>", EMPTY_HEAD.sub("", page))


def add_dark_pictures(_app: Sphinx, doctree: nodes.document) -> None:
    """``name.png`` gives way to ``name-dark.png`` on a dark page, where there is one."""
    folder = Path(doctree["source"]).parent
    for light in list(doctree.findall(nodes.image)):
        uri = light["uri"].replace(".png", "-dark.png")
        if uri != light["uri"] and (folder / uri).is_file():
            dark = light.deepcopy()
            dark["uri"] = uri
            light["classes"].append("only-light")  # classes of the theme
            dark["classes"].append("only-dark")
            light.parent.insert(light.parent.index(light) + 1, dark)
