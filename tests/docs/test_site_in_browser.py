"""A real browser opens the site: it bars nobody, logs no error and asks no other machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page_checks import AXE, NARROW, WIDE, Look, barriers, faults
from tests.served_folder import served_folder
from tests.targets.web.chromium import BROWSER, Chromium

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on PATH"),
]
# Of each kind one: tables without heads, code, a notebook, pictures for dark pages.
KINDS = (
    "docs/index.html",
    "docs/getting_started.html",
    "docs/tutorials/first_detector.html",
    "docs/explanation/row_streaming.html",
)


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served_folder(site) as served:
        yield served


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with Chromium(tmp_path / "profile") as started:
        yield started


def test_no_page_logs_an_error_or_asks_another_machine(site, address, browser):
    names = [page.relative_to(site).as_posix() for page in sorted(site.rglob("*.html"))]
    pages = [name for name in names if not name.startswith("_")]  # files to download
    assert len(pages) > 40
    for page in pages:
        browser.open(f"{address}/{page}")
        assert faults(browser, address) == [], page


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core (npm install axe-core)")
@pytest.mark.parametrize("page", KINDS)
def test_nobody_is_barred(address, browser, page):
    browser.open(f"{address}/{page}")
    assert barriers(browser, [Look(NARROW, dark=True), Look(WIDE, dark=False)]) == []
