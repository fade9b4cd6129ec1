import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.targets.qemu import boot_in_qemu
from tinydet.errors import MissingToolError
from tinydet.targets import CortexMTarget, toolchain
from tinydet.targets.elf import read_image
from tinydet.targets.emulator import Machine

RUN = "void tiny_run(void *arena)\n{"


def in_run(stand_in, statement):
    """The stand-in with a statement more in its network function."""
    return stand_in.model(stand_in.MODEL.replace(RUN, f"{RUN} {statement}"))


def test_the_emulated_core_gives_what_numpy_gives(stand_in, cortex_m_program):
    for image in stand_in.random_images(3):
        scores, deltas, expected = stand_in.expected(image)
        raw, found = cortex_m_program.run(image), cortex_m_program.detect(image)
        np.testing.assert_array_equal(raw.scores, scores)
        np.testing.assert_array_equal(raw.deltas, deltas)
        assert len(found) == len(expected) > 0
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)


def test_threads_have_cores_of_their_own(stand_in, m7_program):
    images = stand_in.random_images(12)
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(m7_program.run, images))
    for image, raw in zip(images, runs, strict=True):
        np.testing.assert_array_equal(raw.scores, stand_in.expected(image)[0])


def test_counts_are_the_same_every_time(stand_in, m7_program):
    """A core that ran before and a fresh one count the same, to the instruction."""
    image = stand_in.random_images(1)[0]
    first = m7_program.measure_inference(image)
    m7_program.run(stand_in.random_images(3)[2])
    fresh = Machine(m7_program.image, m7_program.core, m7_program._hook)
    assert m7_program.measure_inference(image) == first
    arena = m7_program.image.symbols["td_arena"].address
    fresh.write(arena, image.tobytes())
    found = m7_program.image.symbols["td_detections"].address
    assert fresh.call("tiny_detect", 0, arena, found, 20) == first


def test_blocks_count_what_single_steps_count(stand_in, m7_program):
    """The counting hook decodes blocks; an instruction hook that is called for each agrees."""
    import unicorn

    image = stand_in.random_images(1)[0]
    counted = m7_program.measure_run(image)
    machine, singles = m7_program.machine(), []
    hook = machine._uc.hook_add(unicorn.UC_HOOK_CODE, lambda *_: singles.append(None))
    m7_program._place_input(image)
    machine._uc.ctl_flush_tb()
    singles.clear()
    machine.call("tiny_run", m7_program.image.symbols["td_arena"].address)
    machine._uc.hook_del(hook)
    machine._uc.ctl_flush_tb()
    assert counted.instructions == len(singles)


def test_pieces_add_up_to_the_count(stand_in, m7_program):
    call = m7_program.measure_run(stand_in.random_images(1)[0])
    assert [piece.callee for piece in call.pieces if piece.callee] == ["td_cells", "td_heads"]
    assert sum(piece.instructions for piece in call.pieces) == call.instructions


def test_the_models_own_code_lies_in_one_piece(cortex_m_program):
    """All functions of its C file and no kernel: between these counts are split."""
    code = cortex_m_program.image.model_code()
    inside = {
        name
        for name, symbol in cortex_m_program.image.symbols.items()
        if symbol.size_bytes and code.address <= symbol.address < code.end
    }
    assert inside == {f"tiny_{name}" for name in ("input", "run", "scores", "deltas", "detect")}


def test_stack_use_is_measured(stand_in, m7_program, tmp_path):
    """An array of 3000 bytes that is written from its far end makes the stack 3000 deeper."""
    statement = "volatile uint8_t deep[3000]; for (int i = 0; i < 3000; i++) deep[i] = 1;"
    program = CortexMTarget().build(in_run(stand_in, statement), tmp_path)
    image = stand_in.random_images(1)[0]
    more = program.measure_run(image).stack_bytes - m7_program.measure_run(image).stack_bytes
    assert 3000 <= more < 3100


def test_a_stack_overflow_is_found(stand_in, tmp_path):
    statement = "volatile uint8_t deep[65500]; for (int i = 0; i < 65500; i++) deep[i] = 1;"
    program = CortexMTarget().build(in_run(stand_in, statement), tmp_path)
    with pytest.raises(RuntimeError, match="stack overflowed"):
        program.measure_run(stand_in.random_images(1)[0])


def test_variables_are_initialised_by_the_start_up(stand_in, tmp_path):
    """.data is copied and .bss cleared, though RAM comes up with anything."""
    body = stand_in.MODEL.replace("tiny_scores(const void *arena) {", "tiny_scores(const void *a) {"
        " static volatile int32_t one = 1, zero;"
        " const void *arena = (const char *)a + (one - 1) + zero;")  # fmt: skip
    program = CortexMTarget().build(stand_in.model(body), tmp_path)
    image = stand_in.random_images(1)[0]
    np.testing.assert_array_equal(program.run(image).scores, stand_in.expected(image)[0])


def test_missing_packages_say_what_to_install(stand_in, tmp_path, monkeypatch):
    real = toolchain.importlib.util.find_spec
    image = CortexMTarget().link(stand_in.model(), tmp_path)
    for missing, use in (
        ("elftools", lambda: read_image(image)),
        ("unicorn", lambda: Machine(None, "cortex-m7", tmp_path)),
    ):
        monkeypatch.setattr(
            toolchain.importlib.util, "find_spec", lambda n, m=missing: None if n == m else real(n)
        )
        with pytest.raises(MissingToolError, match=rf"{missing}.*tinydet\[compile\]"):
            use()


def test_arm_gcc_that_is_not_installed(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda _: None)
    with pytest.raises(MissingToolError, match="arm-none-eabi-gcc"):
        CortexMTarget(compiler="arm-none-eabi-gcc").link(stand_in.model(), tmp_path)


@pytest.mark.device
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m4", "cortex-m33"])
def test_arm_gcc_gives_the_same(stand_in, tmp_path, core):
    program = CortexMTarget(core, compiler="arm-none-eabi-gcc").build(stand_in.model(), tmp_path)
    for image in stand_in.random_images(2):
        np.testing.assert_array_equal(program.run(image).scores, stand_in.expected(image)[0])
        np.testing.assert_array_equal(
            program.detect(image).boxes, stand_in.expected(image)[2].boxes
        )


@pytest.mark.device
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
def test_a_complete_image_boots_in_qemu(stand_in, m7_program, tmp_path):
    """Vectors, start-up, FPU, network and boxes on mps2-an500 give the boxes that NumPy gives."""
    path = CortexMTarget().link(stand_in.model(), tmp_path, "-DTD_SEMIHOSTING")
    image = stand_in.random_images(2)[1]
    expected = stand_in.expected(image)[2]
    found = boot_in_qemu(path, image, tmp_path, m7_program)
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
