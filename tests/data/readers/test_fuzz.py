"""Whatever bytes a data set has, it is read or refused: see ``mutated_data``.

``TINYDET_FUZZ=100000 pytest tests/data/readers/test_fuzz.py`` reads that many. The seed changes
every day; ``TINYDET_FUZZ_SEED=...`` makes the same again. ``benchmarks/fuzz_readers.py`` keeps the
result of a long run.
"""

import os

from tests.data.readers.mutated_data import run
from tests.fuzz_seed import SAY, SEED

MUTATIONS = int(os.environ.get("TINYDET_FUZZ", "300"))


def test_mutated_data_sets_are_read_or_refused():
    result = run(MUTATIONS, SEED)
    assert result["read"] > 0, SAY
    assert result["refused"] > 0, SAY
