"""Decoding, on machine code assembled beforehand."""

import pytest

from tinydet.targets.timing.decoder import Decoder
from tinydet.targets.timing.instructions import FLAGS

R0, R1, R2, R3 = range(66, 70)


@pytest.fixture(scope="module")
def decode():
    pytest.importorskip("capstone")
    decoder = Decoder()
    return lambda code: decoder.decode(bytes.fromhex(code), 0x1000)


def test_accumulators_are_told_apart(decode):
    (smlad,) = decode("21fb0200")  # smlad r0, r1, r2, r0
    assert (smlad.kind, smlad.accumulator, smlad.late) == ("mac", {R0}, {R1, R2})


def test_post_increments(decode):
    (ldr,) = decode("51f8040b")  # ldr r0, [r1], #4
    assert (ldr.base_update, ldr.base_step, ldr.post_indexed) == (R1, 4, True)
    assert ldr.early == {R1}
    assert ldr.writes == {R0, R1}


def test_shifted_operands_are_needed_early(decode):
    (add,) = decode("01eb3220")  # add.w r0, r1, r2, ror #8
    assert (add.early, add.late, add.shifted) == ({R2}, {R1}, True)


def test_instructions_under_a_condition(decode):
    it, mov, after = decode("08bf01200130")  # it eq; moveq r0, #1; adds r0, #1
    assert it.kind == "it"
    assert mov.conditional
    assert FLAGS in mov.late
    assert not after.conditional
