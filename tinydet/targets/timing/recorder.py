"""What an emulated program does, as far as its time depends on it: the tables of the C hook."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydet.targets.timing.addresses import Access
from tinydet.targets.timing.memory import Memories
from tinydet.targets.timing.recorder_hosts import RecorderHost

FRACTION = 16  # costs are counted in sixteenths of a cycle
NONE = 0xFFFFFFFF
MAX_BLOCKS, MAX_TRANSITIONS = 1 << 15, 1 << 16  # powers of two
FIRST = -1  # the block before the first one

MAX_ACCESSES = 1 << 18
BLOCK = np.dtype([(n, "<u8") for n in ("address", "size", "first_access", "num_accesses")])
ACCESS = np.dtype(
    [("offset", "<i8")]
    + [(n, "<i4") for n in ("base", "index", "shift", "size", "count", "writes")]
)
TRANSITION = np.dtype(
    [(name, "<u8") for name in ("before", "block", "count", "missed", "cost", "missed_cost")]
)
CACHE = np.dtype([(n, "<u8") for n in ("line_bytes", "ways", "sets", "tags", "hits", "misses")])
_REGION_FIELDS = ("begin", "end", "data_cache", "fetch_cache", "data_wait", "fetch_wait",
                  "next_wait", "write_wait", "bytes_read")  # fmt: skip
REGION = np.dtype([(name, "<u8") for name in _REGION_FIELDS])
_GROUP_FIELDS = ("issue", "fetch", "data", "weight_bytes", "fetched_bytes")
GROUP = np.dtype([(name, "<u8") for name in _GROUP_FIELDS])
_Records = npt.NDArray[np.void]
Price = Callable[[int, int, int, int], tuple[float, float]]


@dataclass(frozen=True)
class Totals:
    """What was counted since the last reset, per group of blocks.

    Attributes:
        groups: ``[num_groups]`` records of ``GROUP``, sixteenths of a cycle and bytes.
        region_bytes: Name of the memory -> bytes that the processor read of it.
        misses: Name of the cache -> ``(accesses, misses)``.
    """

    groups: _Records
    region_bytes: dict[str, int]
    misses: dict[str, tuple[int, int]]


class Recorder:
    """Tables of the hook, and what is read from and written to them.

    Args:
        host: The emulator.
        memories: What the processor sees.
        unaligned_cycles: Longer that an access takes across its own size.
        num_groups: How many pieces of the program to tell apart.
        watched: ``(begin, end)`` of the data whose reads are counted by group.
    """

    def __init__(
        self,
        host: RecorderHost,
        memories: Memories,
        unaligned_cycles: float,
        *,
        num_groups: int = 1,
        watched: tuple[int, int] = (0, 0),
    ) -> None:
        self._memories = memories
        self._host = host
        self._blocks = host.table(MAX_BLOCKS, BLOCK)
        self._transitions = host.table(MAX_TRANSITIONS, TRANSITION)
        self._groups = host.table(num_groups, GROUP)
        self._caches = host.table(max(len(memories.caches), 1), CACHE)
        self._tags = [host.table(cache.sets * cache.ways, np.uint64) for cache in memories.caches]
        self._regions = host.table(max(len(memories.regions), 1), REGION)
        self._accesses = host.table(MAX_ACCESSES if host.addresses_follow else 1, ACCESS)
        self._num_accesses = self._located = 0
        target = host.table(MAX_BLOCKS, np.uint32)
        target[:] = NONE
        self._fill()
        self._state = host.attach(
            blocks=host.place(self._blocks),
            transitions=host.place(self._transitions),
            block_table=host.place(host.table(2 * MAX_BLOCKS, np.uint32)),
            transition_table=host.place(host.table(2 * MAX_TRANSITIONS, np.uint32)),
            direction=host.place(host.table(MAX_BLOCKS, np.uint8)),
            target=host.place(target),
            max_blocks=MAX_BLOCKS,
            max_transitions=MAX_TRANSITIONS,
            previous=NONE,
            caches=host.place(self._caches),
            num_caches=len(memories.caches),
            regions=host.place(self._regions),
            num_regions=len(memories.regions),
            data_begin=watched[0],
            data_end=watched[1],
            groups=host.place(self._groups),
            max_groups=num_groups,
            accesses=host.place(self._accesses),
            unaligned_wait=round(unaligned_cycles * FRACTION),
        )

    def _fill(self) -> None:
        """Write down caches and regions."""
        names = [cache.name for cache in self._memories.caches]
        caches = zip(self._caches, self._memories.caches, self._tags, strict=False)
        for record, cache, places in caches:
            record["line_bytes"], record["ways"] = cache.line_bytes, cache.ways
            record["sets"], record["tags"] = cache.sets, self._host.place(places)
        for record, region in zip(self._regions, self._memories.regions, strict=False):
            record["begin"], record["end"] = region.begin, region.end
            for field in ("data_cache", "fetch_cache"):
                name = getattr(region, field)
                record[field] = names.index(name) if name else NONE
            for field in ("data_wait", "fetch_wait", "next_wait", "write_wait"):
                record[field] = round(getattr(region, field) * FRACTION)

    def detach(self) -> None:
        """Let the emulator run without it, before this object goes."""
        self._host.detach()

    def reset(self, *, empty_caches: bool = False) -> None:
        """Count from zero; branch predictor and transitions stay.

        Args:
            empty_caches: Forget what the caches hold.
        """
        for tags in self._tags if empty_caches else []:
            tags[:] = 0
        self._groups[:] = 0
        self._regions["bytes_read"] = 0
        self._caches["hits"] = self._caches["misses"] = 0
        self._transitions["count"] = self._transitions["missed"] = 0
        self._state.previous = NONE

    def price(self, cost: Price) -> None:
        """Set what the transitions seen so far cost.

        Args:
            cost: ``(begin, end)`` of the block before, or two times ``FIRST``, and of the block ->
                cycles, and cycles more when the branch between them was not foreseen.
        """
        if self._state.overflow:
            raise RuntimeError(f"more than {MAX_BLOCKS} blocks or {MAX_TRANSITIONS} transitions")
        for record in self._transitions[: self._state.num_transitions]:
            if not record["cost"]:
                cycles, missed = cost(*self._spans(record))
                record["cost"] = round(cycles * FRACTION)
                record["missed_cost"] = round(missed * FRACTION)

    def sum_of(self, cost: Price) -> float:
        """Cycles since the last reset at other prices.

        Args:
            cost: See ``price``.
        """
        total = 0.0
        for record in self._transitions[: self._state.num_transitions]:
            if record["count"]:
                cycles, missed = cost(*self._spans(record))
                total += int(record["count"]) * cycles + int(record["missed"]) * missed
        return total

    def _spans(self, transition: np.void) -> tuple[int, int, int, int]:
        """``(begin, end)`` of the block before, and of the block."""
        spans: list[int] = []
        for index in (int(transition["before"]), int(transition["block"])):
            if index == NONE:
                spans += [FIRST, FIRST]
            else:
                begin = int(self._blocks["address"][index])
                spans += [begin, begin + int(self._blocks["size"][index])]
        return spans[0], spans[1], spans[2], spans[3]

    def locate(self, accesses: Callable[[int, int], Sequence[Access]]) -> None:
        """Set where the blocks seen so far read and write.

        Args:
            accesses: ``(begin, end)`` of a block -> its accesses, whose registers are numbered as
                the emulator does.
        """
        for block in self._blocks[self._located : self._state.num_blocks]:
            begin = int(block["address"])
            found = accesses(begin, begin + int(block["size"]))
            block["first_access"], block["num_accesses"] = self._num_accesses, len(found)
            for a in found:
                if self._num_accesses == MAX_ACCESSES:
                    raise RuntimeError(f"more than {MAX_ACCESSES} loads and stores")
                self._accesses[self._num_accesses] = (
                    a.offset, a.base or 0, a.index or 0, a.index_shift, a.size_bytes, a.count,
                    a.writes,
                )  # fmt: skip
                self._num_accesses += 1
        self._located = self._state.num_blocks

    def totals(self) -> Totals:
        """Counts since the last reset."""
        regions, caches = self._memories.regions, self._memories.caches
        return Totals(
            self._groups.copy(),
            {r.name: int(n) for r, n in zip(regions, self._regions["bytes_read"], strict=False)},
            {
                cache.name: (int(record["hits"] + record["misses"]), int(record["misses"]))
                for cache, record in zip(caches, self._caches, strict=False)
            },
        )
