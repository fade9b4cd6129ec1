"""What an emulated program does, as far as its time depends on it: the C hook and its tables."""

import ctypes
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.targets.emulator_hooks import add_block_hook
from tinydet.targets.timing.addresses import Access
from tinydet.targets.timing.memory import Memories

RECORDER = "timing_recorder"  # the hook in C
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


class _State(ctypes.Structure):
    """``td_timing`` of ``firmware/timing_recorder.c``."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in (
            "blocks", "transitions", "block_table", "transition_table", "direction", "target")),
        *((name, ctypes.c_uint64) for name in (
            "num_blocks", "num_transitions", "max_blocks", "max_transitions", "previous",
            "last_line")),
        ("caches", ctypes.c_void_p),
        ("regions", ctypes.c_void_p),
        ("num_regions", ctypes.c_uint64),
        ("data_begin", ctypes.c_uint64),
        ("data_end", ctypes.c_uint64),
        ("groups", ctypes.c_void_p),
        ("group", ctypes.c_void_p),
        ("max_groups", ctypes.c_uint64),
        ("accesses", ctypes.c_void_p),
        ("read_register", ctypes.c_void_p),
        *((name, ctypes.c_uint64) for name in (
            "unaligned_wait", "overflow", "last_block", "last_transition",
            "last_data_region", "last_code_region")),
    )  # fmt: skip


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
    """Hooks on an emulator.

    Args:
        uc: The emulator.
        library: Of the hook ``RECORDER``.
        memories: What the processor sees.
        unaligned_cycles: Longer that an access takes across its own size.
        num_groups: How many pieces of the program to tell apart.
        group: Address of the number of pieces begun so far; 0: all is one piece.
        watched: ``(begin, end)`` of the data whose reads are counted by group.
    """

    def __init__(
        self,
        uc: Any,
        library: Path,
        memories: Memories,
        unaligned_cycles: float,
        *,
        num_groups: int = 1,
        group: int = 0,
        watched: tuple[int, int] = (0, 0),
    ) -> None:
        self._memories = memories
        self._blocks = np.zeros(MAX_BLOCKS, BLOCK)
        self._transitions = np.zeros(MAX_TRANSITIONS, TRANSITION)
        self._tables = [np.zeros(2 * n, np.uint32) for n in (MAX_BLOCKS, MAX_TRANSITIONS)]
        self._direction = np.zeros(MAX_BLOCKS, np.uint8)
        self._target = np.full(MAX_BLOCKS, NONE, np.uint32)
        self._groups = np.zeros(num_groups, GROUP)
        self._caches, self._tags = _cache_records(memories)
        self._regions = _region_records(memories)
        self._accesses = np.zeros(MAX_ACCESSES, ACCESS)
        self._num_accesses = self._located = 0
        self._state = _State(
            blocks=self._blocks.ctypes.data,
            transitions=self._transitions.ctypes.data,
            block_table=self._tables[0].ctypes.data,
            transition_table=self._tables[1].ctypes.data,
            direction=self._direction.ctypes.data,
            target=self._target.ctypes.data,
            max_blocks=MAX_BLOCKS,
            max_transitions=MAX_TRANSITIONS,
            previous=NONE,
            caches=self._caches.ctypes.data,
            regions=self._regions.ctypes.data,
            num_regions=len(memories.regions),
            data_begin=watched[0],
            data_end=watched[1],
            groups=self._groups.ctypes.data,
            group=group or None,
            max_groups=num_groups,
            accesses=self._accesses.ctypes.data,
            unaligned_wait=round(unaligned_cycles * FRACTION),
        )
        self._uc = uc
        self._attach(uc, library)

    def detach(self) -> None:
        """Let the emulator run without it, before this object goes."""
        uclib: Any = importlib.import_module("unicorn.unicorn_py3.unicorn").uclib
        uclib.uc_hook_del(self._uc._uch, self._handle)
        self._uc.ctl_flush_tb()

    def _attach(self, uc: Any, library: Path) -> None:
        uclib: Any = importlib.import_module("unicorn.unicorn_py3.unicorn").uclib
        self._state.read_register = ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p).value
        self._library = ctypes.CDLL(str(library))
        self._handle = add_block_hook(uc, self._library.td_time_block, self._state)
        uc.ctl_flush_tb()  # code that was translated before would not call the hook

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

    def price(self, cost: Callable[[int, int, int, int], tuple[float, float]]) -> None:
        """Set what the transitions seen so far cost.

        Args:
            cost: ``(begin, end)`` of the block before, or two times ``FIRST``, and of the block ->
                cycles, and cycles more when the branch between them was not foreseen.
        """
        if self._state.overflow:
            raise RuntimeError(f"more than {MAX_BLOCKS} blocks or {MAX_TRANSITIONS} transitions")
        ends = self._blocks["address"] + self._blocks["size"]
        for record in self._transitions[: self._state.num_transitions]:
            if record["cost"]:
                continue
            before, block = int(record["before"]), int(record["block"])
            span = (FIRST, FIRST)
            if before != NONE:
                span = int(self._blocks["address"][before]), int(ends[before])
            cycles, missed = cost(*span, int(self._blocks["address"][block]), int(ends[block]))
            record["cost"], record["missed_cost"] = (
                round(cycles * FRACTION),
                round(missed * FRACTION),
            )

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
            {r.name: int(n) for r, n in zip(regions, self._regions["bytes_read"], strict=True)},
            {
                cache.name: (int(record["hits"] + record["misses"]), int(record["misses"]))
                for cache, record in zip(caches, self._caches, strict=False)
            },
        )


def _cache_records(memories: Memories) -> tuple[_Records, list[npt.NDArray[np.uint64]]]:
    records = np.zeros(max(len(memories.caches), 1), CACHE)
    tags = [np.zeros(cache.sets * cache.ways, np.uint64) for cache in memories.caches]
    for record, cache, places in zip(records, memories.caches, tags, strict=False):
        record["line_bytes"], record["ways"], record["sets"] = (
            cache.line_bytes, cache.ways, cache.sets
        )  # fmt: skip
        record["tags"] = places.ctypes.data
    return records, tags


def _region_records(memories: Memories) -> _Records:
    names = [cache.name for cache in memories.caches]
    records = np.zeros(max(len(memories.regions), 1), REGION)
    for record, region in zip(records, memories.regions, strict=False):
        record["begin"], record["end"] = region.begin, region.end
        for field in ("data_cache", "fetch_cache"):
            name = getattr(region, field)
            record[field] = names.index(name) if name else NONE
        for field in ("data_wait", "fetch_wait", "next_wait", "write_wait"):
            record[field] = round(getattr(region, field) * FRACTION)
    return records
