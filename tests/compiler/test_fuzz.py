"""Whatever bytes it is given, the compiler refuses them by name or makes C that is right.

Files with changed bytes go through reader, passes, memory plan and generator. The C of some is
built and run: every step has the numbers of an interpreter that shares no code with it.

``TINYDET_FUZZ=100000 pytest tests/compiler/test_fuzz.py`` runs that many mutations. The seed
changes every day; a failure names it and the number of the file, and ``TINYDET_FUZZ_SEED=...``
makes the same files again.
"""

import os
import sys
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import pytest

from tests.compiler import reference_interpreter
from tests.compiler.generated_library import GeneratedLibrary
from tests.compiler.sample_networks import detector, every_operator, image_for
from tests.compiler.tflite_writer import write_tflite
from tests.fuzz_seed import SAY, SEED
from tinydet.compiler.codegen import GeneratedModel, generate
from tinydet.compiler.memory import PlanRequest, plan_memory
from tinydet.compiler.passes import lower
from tinydet.compiler.passes.constant_channels import eliminate_constant_channels
from tinydet.compiler.passes.lowering import INTEGER_PASSES, run_passes
from tinydet.compiler.tflite_reader import read_tflite
from tinydet.errors import TinydetError

MUTATIONS = int(os.environ.get("TINYDET_FUZZ", "300"))
BUILDS = max(MUTATIONS // 75, 1)
MOST_CALLS = 1_000_000  # of functions, to read and lower one file; a sound one takes 70,000
MEMORY_BYTES = 2**24
INTERESTING = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**30, 2**31 - 1, 2**31, 2**32 - 1)
LAYOUTS = ("joined", "ai df su")
PLANS = [(o, m) for o in ("ram", "balanced", "speed") for m in ("image", "caller", "rows")]


@pytest.fixture(scope="module")
def sound():
    """Files without a fault: a network of every operator, and detectors."""
    graphs = [detector(layout, dynamic=True)[0] for layout in LAYOUTS]
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


class _Calls:
    """Counts calls of functions and ends what makes too many: bounded work, on any machine."""

    def __init__(self):
        self.left = MOST_CALLS

    def __call__(self, *_):
        self.left -= 1
        if self.left < 0:
            sys.setprofile(None)
            raise RuntimeError(f"more than {MOST_CALLS} calls of functions")

    def __enter__(self):
        sys.setprofile(self)

    def __exit__(self, *_):
        sys.setprofile(None)


def mutation(sound, number):
    """File ``number`` of this seed."""
    rng = np.random.default_rng([SEED, number])
    return mutated(sound[number % len(sound)], rng)


def is_detector(number):
    return number % (1 + len(LAYOUTS)) > 0


def lowered(graph, number, *, remove_channels):
    """The integer network of a file: cut out of a detector, or all of the other one."""
    if is_detector(number):
        return lower(graph, "m.tflite", remove_channels=remove_channels)[0]
    passes = (*INTEGER_PASSES, eliminate_constant_channels) if remove_channels else INTEGER_PASSES
    return run_passes(graph, passes)


def in_c(number, whole, lean):
    """``(whole graph, model of the lean one, its C files)``."""
    objective, input_mode = PLANS[number % len(PLANS)]
    plan = plan_memory(lean, PlanRequest(objective=objective, input_mode=input_mode))
    model = GeneratedModel(plan=plan, name="net")
    return whole, model, generate(model).files


def outcome(content, number, then=None):
    """What an accepted file becomes: whole and lean graph, or what ``then`` makes of them.

    None for a file that is refused by a TinydetError; anything else fails.
    """
    try:
        with _Calls():
            graph = read_tflite(content, "m.tflite")
            whole = lowered(graph, number, remove_channels=False)
        # The elimination of channels takes most of the time of a file that is accepted.
        lean = lowered(graph, number, remove_channels=True) if number % 5 == 0 else whole
        return then(number, whole, lean) if then else (whole, lean)
    except TinydetError:
        return None
    except Exception as error:
        pytest.fail(f"file {number} of {SAY}: {type(error).__name__}: {error}")


def steps_that_differ(model, files, folder, image, expected):
    """Builds and runs the C; for a process of its own, which undefined behaviour ends."""
    library = GeneratedLibrary(model, files, folder)
    steps = library.trace(image)
    differing = [
        op.name
        for op in model.graph.ops
        if not np.array_equal(library.step_values(steps, op), expected[op.outputs[0]])
    ]
    return differing, [library.output(what, tensor) for what, tensor in model.outputs()]


def interpreted(graph, image):
    """All tensors by the interpreter; None where the reference kernels have no defined result."""
    try:
        return reference_interpreter.run(graph, image)
    except AssertionError as error:
        if "would overflow" in str(error):
            return None
        raise


def test_mutated_files_are_refused_or_become_c_that_is_right(sound, tmp_path):
    """Every accepted file reaches C; that of the first ones computes what the graph says."""
    accepted = {}
    for number in range(MUTATIONS):
        result = outcome(mutation(sound, number), number, in_c)
        if result is not None:
            accepted[number] = result
    assert 0 < len(accepted) < MUTATIONS, SAY
    built = 0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other_process:
        for number, (whole, model, files) in accepted.items():
            image = image_for(whole, number)
            expected, of_whole = interpreted(model.graph, image), interpreted(whole, image)
            if expected is None or of_whole is None:
                continue
            folder = tmp_path / str(number)
            folder.mkdir()
            work = other_process.submit(steps_that_differ, model, files, folder, image, expected)
            try:
                differing, outputs = work.result()
            except BrokenProcessPool:
                pytest.fail(f"file {number} of {SAY}: its C has undefined behaviour")
            assert differing == [], f"file {number} of {SAY}"
            for found, index in zip(outputs, whole.outputs, strict=True):
                np.testing.assert_array_equal(found, of_whole[index], f"file {number} of {SAY}")
            built += 1
            if built == BUILDS:
                break
    assert built > 0, SAY


def test_mutated_files_take_no_more_memory_than_they_are_worth(sound):
    """The peak over some files stays at a few megabytes, whatever shapes they claim."""
    contents = [mutation(sound, number) for number in range(50)]  # counting makes it slow
    tracemalloc.start()
    try:
        for number, content in enumerate(contents):
            outcome(content, number)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES, SAY
    finally:
        tracemalloc.stop()
