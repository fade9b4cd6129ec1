"""Laws of the published tables, on instructions made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.targets.timing.dual_issue import CortexM7
from tinydet.targets.timing.instructions import FLAGS, Instruction
from tinydet.targets.timing.pipeline import block_cycles
from tinydet.targets.timing.single_issue import CortexM4, CortexM33

CORES = (CortexM4(), CortexM33(), CortexM7())


def alu(target, *sources, size=4, address=0, flags=False):
    writes = frozenset([target, FLAGS] if flags else [target])
    return Instruction(address, size, "eor", "alu", late=frozenset(sources), writes=writes)


def load(target, base, offset=0, size=4):
    return Instruction(
        0, size, "ldr", "load", early=frozenset([base]), writes=frozenset([target]), count=1,
        access_bytes=4, base=base, offset=offset,
    )  # fmt: skip


def mac(target, a, b):
    return Instruction(
        0, 4, "smlad", "mac", late=frozenset([a, b]), accumulator=frozenset([target]),
        writes=frozenset([target]),
    )  # fmt: skip


def branch(size=2):
    return Instruction(
        0, size, "b", "branch", late=frozenset([FLAGS]), conditional=True, sets_pc=True
    )


@given(count=st.integers(1, 12))
def test_loads_follow_each_other_on_the_m4(count):
    """N loads and an instruction that is none take N + 1 cycles and its own (Arm's table)."""
    code = [load(k, 20) for k in range(count)] + [alu(30, 31)]
    assert CortexM4().finish(code, 0) == count + 2


@given(count=st.integers(1, 12))
def test_independent_arithmetic(count):
    """One cycle each; two in a cycle on the M7."""
    code = [alu(k, 20 + k) for k in range(count)]
    assert CortexM4().finish(code, 0) == CortexM33().finish(code, 0) == count
    assert CortexM7().finish(code, 0) == -(-count // 2)


@given(count=st.integers(2, 12))
def test_a_chain_goes_one_by_one_on_the_m7(count):
    code = [alu(1, 1) for _ in range(count)]
    assert CortexM7().finish(code, 0) == count


@given(count=st.integers(1, 12))
@pytest.mark.parametrize("core", CORES)
def test_sums_of_products_forward(core, count):
    """A product can be added to every cycle, on every core."""
    assert core.finish([mac(1, 2, 3) for _ in range(count)], 0) == count


def test_a_load_hides_behind_a_product_on_the_m7():
    pairs = [i for k in range(4) for i in (mac(1, 2, 3), load(10 + k, 20))]
    assert CortexM7().finish(pairs, 0) == 4


def test_two_loads_go_together_from_different_banks():
    core = CortexM7()
    assert core.finish([load(1, 20, 0), load(2, 20, 4)], 0) == 1
    assert core.finish([load(1, 20, 0), load(2, 20, 8)], 0) == 2


def test_products_wait_for_loads_a_cycle_longer():
    """On the M7: arithmetic in the next cycle, a product in the one behind it."""
    core = CortexM7()
    assert core.finish([load(1, 20), alu(2, 1)], 0) == 2
    assert core.finish([load(1, 20), mac(5, 1, 3)], 0) == 3


def test_flags_beside_a_taken_branch_cost_a_cycle_on_the_m33():
    loop = [alu(1, 1, size=2, flags=True), branch()]
    apart = [alu(1, 1, size=2, flags=True), alu(2, 2, size=2), branch()]
    target = [alu(3, 3, size=2)]
    core = CortexM33()
    assert block_cycles(core, loop, target, taken=True) == 3
    assert block_cycles(core, apart, target, taken=True) == 2
    assert block_cycles(core, loop, target, taken=False) == 1


@given(
    before=st.lists(st.sampled_from([alu(1, 2), load(3, 1), mac(4, 3, 1)]), max_size=8),
    block=st.lists(st.sampled_from([alu(1, 4), load(2, 1), mac(4, 3, 1)]), min_size=1, max_size=8),
)
@pytest.mark.parametrize("core", CORES)
def test_no_block_beats_the_width(core, before, block):
    """A block is no faster than the core is wide, and a jump to it is not cheaper than none."""
    straight = block_cycles(core, before, block, taken=False)
    assert straight >= (len(block) - 1) / core.width - 0.5
    if before:
        assert block_cycles(core, before, block, taken=True) >= straight
