"""Laws of the two cores with Helium, on instructions made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.targets.timing.helium import CortexM55, CortexM85
from tinydet.targets.timing.instructions import Instruction
from tinydet.targets.timing.pipeline import block_cycles

CORES = (CortexM55, CortexM85)
KINDS = ("vec_load", "vec_store", "vec_int", "vec_mul", "alu", "load", "store", "mac", "loop")


def instruction(kind, target, *sources, size=4, latency=1, name="any"):
    moves = kind in ("load", "store", "vec_load", "vec_store")
    stores = kind in ("store", "vec_store")
    return Instruction(
        0, size, name, kind,
        early=frozenset(sources[:1]) if moves else frozenset(),
        late=frozenset() if moves else frozenset(sources),
        data=frozenset([target]) if stores else frozenset(),
        writes=frozenset() if stores or kind == "loop" else frozenset([target]),
        count=1 if moves else 0, latency=latency,
    )  # fmt: skip


programs = st.lists(
    st.builds(
        instruction, st.sampled_from(KINDS), st.integers(0, 5), st.integers(0, 5),
        st.integers(0, 5), size=st.sampled_from([2, 4]), latency=st.integers(1, 3),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


@pytest.mark.parametrize("core", CORES)
@given(count=st.integers(1, 6))
def test_one_unit_takes_two_cycles_for_each_vector(core, count):
    code = [instruction("vec_mul", k, 20, 21) for k in range(count)]
    assert core().finish(code, 0) == 2 * count - 1  # the second beat of the last goes on


@pytest.mark.parametrize("core", CORES)
@given(count=st.integers(1, 6))
def test_two_units_overlap(core, count):
    """A load and a product on what was loaded before: one instruction begins in each cycle."""
    code = [
        part
        for k in range(count)
        for part in (instruction("vec_load", k, 30), instruction("vec_mul", 40 + k, 20, 21))
    ]
    assert core().finish(code, 0) == 2 * count


@pytest.mark.parametrize("core", CORES)
def test_a_load_is_followed_by_its_use(core):
    """On the first half of the vector."""
    code = [instruction("vec_load", 1, 30), instruction("vec_int", 2, 1)]
    assert core().finish(code, 0) == 2


def test_loads_and_stores_share_a_unit_on_the_m55_only():
    code = [instruction("vec_load", 1, 30), instruction("vec_store", 2, 31)]
    assert CortexM55().finish(code, 0) == 3
    assert CortexM85().finish(code, 0) == 2


def test_pairs():
    """A constant's addition of 16 bits goes beside another instruction of 16 bits on the M55."""
    narrow = instruction("alu", 1, 10, size=2)
    constant = Instruction(0, 2, "add", "alu", late=frozenset([2]), writes=frozenset([2]),
                           sum_of=(2, 4))  # fmt: skip
    assert CortexM55().finish([narrow, constant], 0) == 1
    assert CortexM55().finish([narrow, narrow], 0) == 2
    assert CortexM85().finish([instruction("alu", 1, 10), instruction("alu", 2, 11)], 0) == 1


@pytest.mark.parametrize("core", CORES)
def test_the_end_of_a_loop_is_free_but_at_the_first_turn(core):
    body = [instruction("alu", k, k + 10) for k in range(2)]
    end = instruction("loop", 0, 30)
    plain = core().finish([*body, *body], 0)
    turn = block_cycles(core(), [*body, end], [*body, end], taken=True)
    assert core().finish([*body, end], 0) + turn == plain
    out = block_cycles(core(), [*body, end], body, taken=False)
    assert out > turn


@pytest.mark.parametrize("core", CORES)
@given(code=programs, at=st.integers(0, 13))
def test_the_extremes_enclose_the_estimate(core, code, at):
    taken = at if at < len(code) else 0
    fastest, slowest = core().extremes()
    cycles = core().finish(code, taken)
    assert fastest.finish(code, taken) <= cycles <= slowest.finish(code, taken)


@pytest.mark.parametrize("core", CORES)
@given(code=programs)
def test_more_code_never_takes_less(core, code):
    times = [core().finish(code[:k], 0) for k in range(len(code) + 1)]
    assert times == sorted(times)
