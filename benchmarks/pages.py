"""Lighthouse on the pages: those of the site, a run's report, the workbench.

    npm install --no-save lighthouse@12
    make docs
    PYTHONPATH=. python benchmarks/pages.py RUN DATA [--only WORD ...]

RUN is the folder of a run with its report, DATA a data set for the workbench. Lighthouse scores
accessibility as a phone shows the page, from 0 to 100, and notes errors on the console and every
request. The tests of these pages (make pages) also look at them wide and dark.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from record import write_result

from tests.served_folder import served_folder
from tests.targets.web.chromium import BROWSER
from tests.workbench.served import served

ROOT = Path(__file__).parent.parent
SITE = ROOT / "build" / "site"
# Or the variable TINYDET_LIGHTHOUSE with the path of the program.
LIGHTHOUSE = os.environ.get("TINYDET_LIGHTHOUSE", str(ROOT / "node_modules/.bin/lighthouse"))
FLAGS = (
    "--only-categories=accessibility",
    "--only-audits=errors-in-console,network-requests",
    "--throttling-method=provided",
    "--disable-full-page-screenshot",
    "--output=json",
    "--quiet",
    "--chrome-flags=--headless --no-sandbox --disable-gpu",
)
LEAST_SCORE = 95


def main() -> None:
    """Look at each page and write results/pages.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", default=[""], help="pages with one of these words")
    asked = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        for page, address in pages(stack, asked.run, asked.data):
            if any(word in page for word in asked.only):
                rows.append({"page": page, **looked_at(address)})
                print(json.dumps(rows[-1]), flush=True)
    command = "python benchmarks/pages.py RUN DATA"
    write_result("pages", command, {"least_score": LEAST_SCORE, "rows": rows})
    if any(row["accessibility"] < LEAST_SCORE or row["errors"] or row["others"] for row in rows):
        raise SystemExit("pages: a page is below the least score, logs errors or asks others")


def pages(stack: ExitStack, run: Path, data: Path) -> Iterator[tuple[str, str]]:
    """Name and address of each page, served until the stack is closed."""
    client, _ = stack.enter_context(served(data))
    yield "workbench", client.address
    report = stack.enter_context(served_folder(run))
    yield "report", f"{report}/report.html"
    site = stack.enter_context(served_folder(SITE))
    for path in sorted(SITE.rglob("*.html")):
        name = path.relative_to(SITE).as_posix()
        if not name.startswith("_"):  # downloads
            yield name, f"{site}/{name}"


def looked_at(address: str) -> dict[str, Any]:
    """What Lighthouse says of a page."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "page.json"
        subprocess.run(
            [LIGHTHOUSE, address, *FLAGS, f"--output-path={output}"],
            env={**os.environ, "CHROME_PATH": str(BROWSER)},
            check=True,
        )
        found = json.loads(output.read_text(encoding="utf-8"))
    audits, categories = found["audits"], found["categories"]
    requests = [item["url"] for item in audits["network-requests"]["details"]["items"]]
    host = urlsplit(address).netloc
    others = [url for url in requests if not url.startswith("data:") and host not in url]
    failed = [
        each["id"]
        for each in categories["accessibility"]["auditRefs"]
        if audits[each["id"]]["score"] == 0
    ]
    return {
        "accessibility": round(100 * categories["accessibility"]["score"]),
        "failed": failed,
        "errors": len(audits["errors-in-console"].get("details", {}).get("items", [])),
        "requests": len(requests),
        "others": others,
        "lighthouse": found["lighthouseVersion"],
    }


if __name__ == "__main__":
    main()
