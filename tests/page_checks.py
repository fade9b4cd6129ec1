"""What must hold of a page in a real browser: it bars nobody, and nothing goes wrong inside.

axe-core is the checker of accessibility on which Lighthouse is built too. Every rule of WCAG 2.1
A and AA and its advice is asked for; Lighthouse's score is 100 where none is broken.
"""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.targets.web.chromium import Chromium

# npm install axe-core@4 in the checkout, or the variable TINYDET_AXE with the path of axe.min.js.
AXE = Path(os.environ.get("TINYDET_AXE", "node_modules/axe-core/axe.min.js")).resolve()
NARROW, WIDE = 380, 1280  # pixels: a phone, a laptop
HEIGHT = 900
RUN_AXE = """
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}).then(
  (result) => ({
    passed: result.passes.length,
    found: result.violations.map((v) =>
      v.id + ": " + v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ")),
  }))
"""
# The page is wider than its window: a reader on a phone has to push it to and fro.
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Look(NamedTuple):
    """How a page is looked at."""

    width: int
    dark: bool

    def __str__(self) -> str:
        return f"{self.width} px, {'dark' if self.dark else 'light'}"


EVERY_LOOK = tuple(Look(width, dark) for width in (NARROW, WIDE) for dark in (False, True))


@cache
def axe_source() -> str:
    """The checker's script."""
    return AXE.read_text(encoding="utf-8")


def barriers(browser: Chromium, looks: Iterable[Look] = EVERY_LOOK) -> list[str]:
    """What axe-core finds in the page that is open, and a page that is wider than its window.

    Args:
        browser: With the page open.
        looks: Sizes of the window and schemes of colours.

    Returns:
        A line for each broken rule: the look, the rule, the first elements that break it.
    """
    found = []
    for look in looks:
        browser.look(look.width, HEIGHT, dark=look.dark)
        browser.run(f"{axe_source()};0")
        result = browser.run(RUN_AXE)
        assert result["passed"] > 10, "axe-core did not run"
        found += [f"{look}: {each}" for each in result["found"]]
        if (pixels := browser.run(TOO_WIDE)) > 0:
            found.append(f"{look}: {pixels} px wider than the window")
    return found


def faults(browser: Chromium, address: str = "file:") -> list[str]:
    """Errors on the console and requests to other places since the browser was started.

    Args:
        browser: With pages that were opened.
        address: Of the one server that a page may ask; without one, pages ask nobody.
    """
    return [
        problem if isinstance(problem, str) else str(problem)[:500]
        for problem in browser.problems
        if not (isinstance(problem, str) and problem.startswith(address))
    ]
