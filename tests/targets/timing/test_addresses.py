from hypothesis import given
from hypothesis import strategies as st

from tinydet.targets.timing.addresses import block_accesses
from tinydet.targets.timing.instructions import Instruction

PC = 11


def load(base, offset=0, step=0, post=False, target=5):
    update = base if step else None
    return Instruction(
        0, 4, "ldr", "load", early=frozenset([base]), count=1, access_bytes=4, base=base,
        writes=frozenset([target, base] if step else [target]), base_update=update,
        base_step=step, post_indexed=post, offset=offset,
    )  # fmt: skip


@given(steps=st.lists(st.integers(-64, 64).filter(bool), min_size=1, max_size=10))
def test_pointers_are_followed_through_post_increments(steps):
    found, unknown = block_accesses([load(1, step=step, post=True) for step in steps], PC)
    assert unknown == 0
    assert [a.offset for a in found] == [sum(steps[:k]) for k in range(len(steps))]
    assert {a.base for a in found} == {1}


def test_a_loaded_pointer_is_not_known():
    found, unknown = block_accesses([load(1, target=2), load(2, offset=8)], PC)
    assert (len(found), unknown) == (1, 1)


def test_additions_of_constants_are_followed():
    add = Instruction(0, 4, "add", "alu", writes=frozenset([3]), sum_of=(1, 16))
    (found,), unknown = block_accesses([add, load(3, offset=4)], PC)
    assert (found.base, found.offset, unknown) == (1, 20, 0)
