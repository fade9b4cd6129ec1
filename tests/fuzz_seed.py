"""The seed of the random tests: another one each day, the same in all processes of a run.

``TINYDET_FUZZ_SEED`` sets it, to see a failure again; what fails names the seed.
"""

import os
from datetime import datetime, timezone

SEED = int(
    os.environ.get("TINYDET_FUZZ_SEED") or datetime.now(timezone.utc).date().strftime("%Y%m%d")
)
SAY = f"TINYDET_FUZZ_SEED={SEED}"
