"""Splitting a data set so that it stays split the same way when images are added."""

import hashlib
from collections.abc import Sequence

from tinydet.data.dataset import Sample


def split_by_name(
    samples: Sequence[Sample], share: float, seed: int
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Hold a share of the samples out, chosen by a hash of the file name.

    Whether a sample is held out depends on its file name and the seed only: adding, removing,
    reordering or moving images to another folder moves no other image to the other side, and a
    larger share holds out all that a smaller one does.

    Args:
        samples: What to split.
        share: Share to hold out, in [0, 1]; met on average, not to the image.
        seed: Another seed, another split.

    Returns:
        ``(kept, held_out)``, each in the given order.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be in [0, 1], got {share}")
    kept: list[Sample] = []
    held_out: list[Sample] = []
    for sample in samples:
        (held_out if name_fraction(sample.path.name, seed) < share else kept).append(sample)
    return tuple(kept), tuple(held_out)


def name_fraction(name: str, seed: int) -> float:
    """A number in [0, 1) that looks random and depends on name and seed only."""
    content = f"{seed}\n{name}".encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53  # 53 bits: exact in a float, so < 1
