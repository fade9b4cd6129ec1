"""The documentation as a site: make docs. Needs no network, and neither do its pages.

The source folder is the root of the repository, so that links from one file to another mean the
same here as in a checkout.
"""

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
html_static_path: list[str] = []
templates_path: list[str] = []

myst_heading_anchors = 4  # links name headings as on GitHub
nb_merge_streams = True
nb_execution_mode = "off"  # outputs are stored in the notebooks; a test runs them

autodoc_mock_imports = ["keras", "tensorflow"]  # seconds each, and no page needs them
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_rtype = False


def setup(app: Sphinx) -> None:
    """Before the pictures of a page are collected."""
    app.connect("doctree-read", add_dark_pictures, priority=400)


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
