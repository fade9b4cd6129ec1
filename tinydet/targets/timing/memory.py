"""How long the memories of a board keep its processor waiting."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cache:
    """A cache with a least-recently-used rule.

    Attributes:
        name: ``I`` or ``D``, or another for one that both share.
        size_bytes: All of it.
        ways: Lines that share a set.
        line_bytes: What one miss brings.
    """

    name: str
    size_bytes: int
    ways: int
    line_bytes: int

    @property
    def sets(self) -> int:
        """Number of sets."""
        return self.size_bytes // (self.ways * self.line_bytes)


@dataclass(frozen=True)
class Region:
    """A piece of the address space and its waits, in processor cycles.

    Attributes:
        name: As in the datasheet.
        begin: First address.
        end: Address behind it.
        data_cache: Name of the cache that reads go through; ``""``: none.
        fetch_cache: Name of the cache that instructions come through; ``""``: none.
        data_wait: Of a read that misses its cache, or of each read without one.
        fetch_wait: Of a code line that misses, or of each jump without a cache.
        next_wait: Of a code line that misses behind the one fetched last.
        write_wait: Of each write.
        line_wait: Of each code line, where instructions are all of 32 bits and the fetch of the
            next line cannot hide behind short ones; nothing where they are all of 16 bits.
    """

    name: str
    begin: int
    end: int
    data_cache: str = ""
    fetch_cache: str = ""
    data_wait: float = 0.0
    fetch_wait: float = 0.0
    next_wait: float = 0.0
    write_wait: float = 0.0
    line_wait: float = 0.0


@dataclass(frozen=True)
class Memories:
    """All that the processor sees.

    Attributes:
        caches: Caches.
        regions: Memories; what lies in none takes no time.
    """

    caches: tuple[Cache, ...]
    regions: tuple[Region, ...]

    def fetch_line_wait(self, begin: int, end: int, num_instructions: int) -> float:
        """Cycles that a block waits for code lines that are in the cache.

        Args:
            begin: Address of the block.
            end: Address behind it.
            num_instructions: Of the block.
        """
        region = next((r for r in self.regions if r.begin <= begin < r.end), None)
        if region is None or not region.line_wait:
            return 0.0
        line_bytes = next(c.line_bytes for c in self.caches if c.name == region.fetch_cache)
        wide = ((end - begin) / num_instructions - 2) / 2
        return region.line_wait * wide * (end - begin) / line_bytes
