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


@dataclass(frozen=True)
class Memories:
    """All that the processor sees.

    Attributes:
        caches: Caches.
        regions: Memories; what lies in none takes no time.
    """

    caches: tuple[Cache, ...]
    regions: tuple[Region, ...]
