"""Whatever bytes it is given, the reader reads or refuses; nothing else happens.

``TINYDET_FUZZ=100000 pytest tests/compiler/test_fuzz.py`` runs that many mutations;
``TINYDET_FUZZ_SEED`` chooses others.
"""

import os
import time
import tracemalloc

import numpy as np
import pytest

from tests.compiler.sample_networks import detector, every_operator
from tests.compiler.tflite_writer import write_tflite
from tinydet.compiler.passes import lower
from tinydet.compiler.tflite_reader import read_tflite
from tinydet.errors import TinydetError

MUTATIONS = int(os.environ.get("TINYDET_FUZZ", "300"))
SEED = int(os.environ.get("TINYDET_FUZZ_SEED", "20"))
SECONDS_PER_FILE = 5
MEMORY_BYTES = 2**24
INTERESTING = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**30, 2**31 - 1, 2**31, 2**32 - 1)


@pytest.fixture(scope="module")
def seeds():
    layouts = ("joined", "ai df su")
    graphs = [detector(layout, dynamic=True)[0] for layout in layouts]
    return [write_tflite(graph) for graph in (every_operator(), *graphs)]


def mutated(content, rng):
    """The file with a few bytes, numbers, ranges or its end changed."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(data)))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            data[at] = int(rng.integers(0, 256))
        elif kind == 2:
            at = at // 4 * 4
            value = int(rng.choice(INTERESTING))
            data[at : at + 4] = value.to_bytes(4, "little")[: len(data) - at]
        elif kind == 3:
            source, count = int(rng.integers(0, len(data))), int(rng.integers(1, 40))
            piece = data[source : source + count]
            data[at : at + len(piece)] = piece
        elif kind == 4:
            at = at // 4 * 4
            value = int.from_bytes(data[at : at + 4], "little") + int(rng.integers(-8, 9))
            data[at : at + 4] = (value % 2**32).to_bytes(4, "little")[: len(data) - at]
        elif rng.random() < 0.2:
            del data[max(at, 8) :]
    return bytes(data)


def outcome(content, number):
    """Whether a file is accepted by reader and passes; anything but a TinydetError fails."""
    start = time.monotonic()
    try:
        graph = read_tflite(content, "m.tflite")
        # The elimination of channels takes most of the time of a file that is accepted.
        lower(graph, "m.tflite", remove_channels=number % 50 == 0)
    except TinydetError:
        accepted = False
    except Exception as error:
        pytest.fail(f"mutation {number}: {type(error).__name__}: {error}")
    else:
        accepted = True
    assert time.monotonic() - start < SECONDS_PER_FILE, number
    return accepted


def test_mutated_files_are_read_or_refused(seeds):
    """Accepted by reader and passes, or a TinydetError, in bounded time."""
    rng = np.random.default_rng(SEED)
    results = [
        outcome(mutated(seeds[number % len(seeds)], rng), number) for number in range(MUTATIONS)
    ]
    assert 0 < sum(results) < MUTATIONS


def test_mutated_files_take_no_more_memory_than_they_are_worth(seeds):
    """The peak over some files stays at a few megabytes, whatever shapes they claim."""
    rng = np.random.default_rng(SEED)
    tracemalloc.start()
    try:
        for number in range(100):
            outcome(mutated(seeds[number % len(seeds)], rng), number)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()
