"""The site is built without a warning, and its pages ask no other machine for anything."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tinydet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FETCHED = {"src", "srcset", "poster", "data", "action"}  # attributes that name what is fetched
ELSEWHERE = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
CSS_URL = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""")


class Resources(HTMLParser):
    """What a browser fetches of its own accord to show a page, and the names in it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.names: set[str] = set()
        self.alternatives: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names.add(given.get("id") or "")
        self.fetched += [given[key] or "" for key in FETCHED & given.keys()]
        self.alternatives += [given.get("alt") or ""] if tag == "img" else []
        # The links to the next and the previous page are for people.
        if tag == "link" and given.get("rel") not in ("next", "prev", "index", "search"):
            self.fetched.append(given.get("href") or "")


def resources(site: Path) -> Iterator[tuple[Path, str]]:
    for page in set(site.rglob("*.html")) - set(site.rglob("_downloads/**/*")):
        yield from ((page, name) for name in Resources(page).fetched)
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        yield from ((style, name) for name in CSS_URL.findall(text))


def test_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    """Scripts, styles, fonts and pictures are files of the site."""
    found = [(page, name) for page, name in resources(site) if not name.startswith("data:")]
    assert len(found) > 100
    for page, name in found:
        assert not ELSEWHERE.match(name), f"{page.name}: {name}"
        file = page.parent / re.split(r"[?#]", name)[0]
        assert file.exists() or name.startswith("#"), f"{page.name}: {name}"


def test_every_public_name_has_its_entry(site: Path) -> None:
    names = Resources(site / "docs/python_reference.html").names
    homes = ("tinydet", "tinydet.errors")
    for public in tinydet.__all__:
        assert {f"{home}.{public}" for home in homes} & names, public


def test_every_tutorial_is_a_page(site: Path) -> None:
    sources = {path.stem for path in (ROOT / "docs/tutorials").iterdir()}
    assert sources == {path.stem for path in (site / "docs/tutorials").glob("*.html")}


def test_every_picture_says_what_it_shows(site: Path) -> None:
    """For readers who do not see it; the name of a file says nothing."""
    pages = set(site.rglob("*.html")) - set(site.rglob("_downloads/**/*"))
    found = [(page.name, text) for page in pages for text in Resources(page).alternatives]
    assert len(found) >= 7
    for page, text in found:
        assert " " in text.strip(), f"{page}: {text!r}"
        assert "/" not in text, f"{page}: {text}"
