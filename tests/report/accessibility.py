"""axe-core, the checker of accessibility, run on a page by a real browser."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

# npm install axe-core@4 in the checkout, or the variable TINYDET_AXE with the path of axe.min.js.
AXE = Path(os.environ.get("TINYDET_AXE", "node_modules/axe-core/axe.min.js")).resolve()
RUN_AXE = """
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}).then(
  function (result) {
    const found = result.violations.map(function (v) {
      const places = v.nodes.slice(0, 3).map(function (n) { return n.target.join(" "); });
      return v.id + ": " + places.join(", ");
    });
    const holder = document.createElement("script");
    holder.type = "application/json";
    holder.id = "axe-found";
    holder.textContent = JSON.stringify({found: found, passed: result.passes.length});
    document.body.appendChild(holder);
  });
"""


def violations(page: Path, dump_dom: Callable[[Path], str]) -> list[str]:
    """What axe-core finds in a page: rule and elements.

    Args:
        page: An HTML file that allows inline scripts.
        dump_dom: Opens a file in the browser and gives its document after scripts have run.
    """
    copy = page.with_name(f"axe_{page.name}")
    scripts = f"<script>{AXE.read_text(encoding='utf-8')}</script><script>{RUN_AXE}</script>"
    before, end, after = page.read_text(encoding="utf-8").rpartition("</body>")
    copy.write_text(before + scripts + end + after, encoding="utf-8")
    answer = re.search(r'id="axe-found">(.*?)</script>', dump_dom(copy), re.DOTALL)
    assert answer is not None, "axe-core did not run"
    result = json.loads(answer.group(1))
    assert result["passed"] > 10
    return list(result["found"])
