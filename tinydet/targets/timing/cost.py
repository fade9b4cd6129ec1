"""What blocks of a program cost on a core: from its machine code to the recorder's prices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tinydet.compiler import VECTOR_CORES
from tinydet.targets.timing.addresses import Access, block_accesses
from tinydet.targets.timing.decoder import Decoder
from tinydet.targets.timing.dual_issue import CortexM7
from tinydet.targets.timing.helium import CortexM55, CortexM85
from tinydet.targets.timing.instructions import Instruction
from tinydet.targets.timing.memory import Memories
from tinydet.targets.timing.pipeline import Pipeline, block_cycles
from tinydet.targets.timing.recorder import FIRST
from tinydet.targets.timing.single_issue import CortexM4, CortexM33

PIPELINES: Mapping[str, Callable[[], Pipeline]] = {
    "cortex-m4": CortexM4,
    "cortex-m7": CortexM7,
    "cortex-m33": CortexM33,
    "cortex-m55": CortexM55,
    "cortex-m85": CortexM85,
}
PROGRAM_COUNTER = 11  # of capstone and Unicorn alike, which number registers the same


@dataclass
class CostModel:
    """Prices of blocks.

    Attributes:
        core: Key of ``PIPELINES``.
        memories: What the processor sees.
        read: ``(address, size in bytes)`` -> machine code.
        known: Accesses whose address was found, in the code seen so far.
        unknown: The others.
    """

    core: str
    memories: Memories
    read: Callable[[int, int], bytes]
    known: int = 0
    unknown: int = 0
    _blocks: dict[tuple[int, int], tuple[Instruction, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pipeline = PIPELINES[self.core]()
        helium = self.core in VECTOR_CORES
        self._decoder = Decoder(m_profile_v8=helium or self.core == "cortex-m33", helium=helium)

    def block(self, begin: int, end: int) -> tuple[Instruction, ...]:
        """Instructions of a block."""
        if (begin, end) not in self._blocks:
            code = self.read(begin, end - begin)
            self._blocks[begin, end] = self._decoder.decode(code, begin)
        return self._blocks[begin, end]

    def price(
        self, before_begin: int, before_end: int, begin: int, end: int
    ) -> tuple[float, float]:
        """See ``Recorder.price``."""
        return self.price_on(self.pipeline, before_begin, before_end, begin, end)

    def price_on(
        self, pipeline: Pipeline, before_begin: int, before_end: int, begin: int, end: int
    ) -> tuple[float, float]:
        """The same on another core."""
        block = self.block(begin, end)
        before = () if before_begin == FIRST else self.block(before_begin, before_end)
        taken = bool(before) and before_end != begin
        cycles = block_cycles(pipeline, before, block, taken=taken)
        cycles += self.memories.fetch_line_wait(begin, end, len(block))
        return max(cycles, 0.0), pipeline.missed_cycles(before) if before else 0.0

    def accesses(self, begin: int, end: int) -> list[Access]:
        """See ``Recorder.locate``."""
        found, unknown = block_accesses(self.block(begin, end), PROGRAM_COUNTER)
        self.known += len(found)
        self.unknown += unknown
        return found
