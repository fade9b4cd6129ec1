"""Whatever bytes a file has, it is read or refused: see ``mutated_inputs``.

``benchmarks/fuzz_readers.py`` reads a million of them and keeps the result. The seed changes every
day; ``TINYDET_FUZZ_SEED=...`` makes the same again.
"""

import warnings

from tests.fuzz_seed import SAY, SEED
from tests.mutated_inputs import quiet, run, write_inputs

INPUTS = 400


def test_mutated_inputs_are_read_or_refused(tmp_path):
    with warnings.catch_warnings():
        quiet()
        result = run(write_inputs(tmp_path), range(INPUTS), SEED)
    assert result["faults"] == [], SAY
    for outcome in ("read", "refused"):
        assert any(key.endswith(outcome) for key in result["outcomes"]), SAY
