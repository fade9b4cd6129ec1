"""A Cortex-M55 with Helium in QEMU."""

import shutil

import numpy as np
import pytest

from tests.compiler.small_detector import small_compiled
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.errors import MissingToolError
from tinydet.pretrained import INT8, model_path
from tinydet.targets import Builds, CortexMTarget, HostTarget, benchmark
from tinydet.targets.boards import find_board
from tinydet.targets.elf import read_image
from tinydet.targets.emulator import Machine
from tinydet.targets.emulator_hooks import BLOCK_COUNTER, build_hook
from tinydet.targets.qemu import QEMU, QemuMachine, build_plugin, qemu_program
from tinydet.targets.timing import estimate, estimate_notes

pytestmark = pytest.mark.device
needs_qemu = pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"{QEMU} is not installed")
COMPILERS = [
    "zig",
    pytest.param(
        "arm-none-eabi-gcc",
        marks=pytest.mark.skipif(
            shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"
        ),
    ),
]


def noise(detector, seed=0):
    return np.random.default_rng(seed).integers(0, 256, detector.input_shape, np.uint8)


def same(ours, theirs):
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    np.testing.assert_array_equal(ours.deltas, theirs.deltas)


@needs_qemu
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_detector_gives_the_same_as_here(compiler, tmp_path):
    """Outputs and boxes, bit for bit, from weights that are laid out for Helium."""
    detector = small_compiled(core="cortex-m55")
    assert "td_conv_vector.c" in detector.sources
    here = HostTarget().build(small_compiled(), tmp_path / "here")
    there = CortexMTarget("cortex-m55", compiler=compiler).build(detector, tmp_path / "there")
    for seed in range(2):
        image = noise(detector, seed)
        same(there.run(image), here.run(image))
        ours, theirs = there.detect(image), here.detect(image)
        np.testing.assert_array_equal(ours.boxes, theirs.boxes)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


@needs_qemu
def test_both_emulators_count_the_same(tmp_path):
    """Code of a Cortex-M33 in memory that both have: instructions, stack, pieces."""
    detector = small_compiled()
    program = CortexMTarget("cortex-m33").build(detector, tmp_path)
    path = tmp_path / "image.elf"
    image = read_image(path)
    arena = image.symbols["td_arena"].address
    pixels = noise(detector).tobytes()
    calls = []
    for machine in (
        Machine(image, "cortex-m33", build_hook(BLOCK_COUNTER, tmp_path)),
        QemuMachine(image, path, build_plugin(tmp_path)),
    ):
        machine.write(program.image_address(), pixels)
        calls.append(machine.call(f"{detector.name}_run", arena, split=True))
    assert calls[0] == calls[1]


@needs_qemu
@pytest.mark.slow
def test_the_pretrained_detector(tmp_path):
    """All of person_192 on noise; less than a quarter of an instruction for each multiplication."""
    path = model_path("person_192", INT8)
    detector = compile_detector(path, CompileOptions(core="cortex-m55"))
    here = HostTarget().build(compile_detector(path), tmp_path / "here")
    there = CortexMTarget("cortex-m55").build(detector, tmp_path / "there")
    image = noise(detector)
    same(there.run(image), here.run(image))
    assert there.measure_run(image).instructions < sum(detector.macs.values()) / 4


@needs_qemu
def test_an_estimate_is_of_the_instructions_that_are_counted(tmp_path):
    """It says that no board has confirmed it, and by what it is bounded; caches cost more."""
    pytest.importorskip("capstone")
    detector = small_compiled(core="cortex-m55")
    builds = Builds.of(CortexMTarget("cortex-m55"), detector, tmp_path)
    board, image = find_board("STM32N6570-DK"), noise(detector)
    result = estimate(builds, image, board, external_weights=True)
    counts = benchmark(builds, image)
    assert [(s.op, s.instructions) for s in result.steps] == [
        (s.op, s.instructions) for s in counts.steps
    ]
    low, high = result.core_range
    assert low <= result.cycles - result.memory_cycles <= high
    assert result.unknown_accesses == 0
    assert "not checked on any board" in estimate_notes(result)
    assert result.cold_cycles > result.cycles
    assert result.weight_bytes >= counts.weights_bytes - counts.boxes_weights_bytes
    inside = estimate(builds, image, board)
    assert inside.cold_cycles < result.cold_cycles


def test_without_qemu_the_remedy_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingToolError, match=r"needs qemu-system-arm.*Install it: on Debian"):
        qemu_program("running Cortex-M55 code")
