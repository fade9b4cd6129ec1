"""How operators of two inputs walk through them."""

from dataclasses import dataclass

from tinydet.compiler.codegen.c_text import list_of

_Group = tuple[int, bool, bool]  # size, whether a and whether b is broadcast


@dataclass(frozen=True)
class PairWalk:
    """How an operator of two inputs walks; see ``td_pair_walk``.

    Attributes:
        shape: Three dimensions of the output, the first the rows of the image where it is one.
        a_stride: Step in elements of the first input for each; 0 where it is broadcast.
        b_stride: The same of the second input.
    """

    shape: tuple[int, int, int]
    a_stride: tuple[int, int, int]
    b_stride: tuple[int, int, int]

    def c_text(self, rings: tuple[int, int, int]) -> str:
        """The initializer of a ``td_pair_walk``.

        Args:
            rings: Rows that the buffers of both inputs and of the output hold.
        """
        lists = ", ".join(map(list_of, (self.shape, self.a_stride, self.b_stride)))
        return f"{{{lists}, {', '.join(map(str, rings))}}}"


def pair_walk(a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> PairWalk | None:
    """Write two shapes that NumPy would broadcast as three dimensions.

    Neighbouring dimensions in which the same inputs are broadcast become one, except that the
    rows of an image stay a dimension of their own.

    Args:
        a_shape: Shape of the first input.
        b_shape: Shape of the second input.

    Returns:
        The walk, or None where three dimensions are not enough.

    >>> pair_walk((1, 4, 6, 8), (1, 1, 1, 8))
    PairWalk(shape=(4, 6, 8), a_stride=(48, 8, 1), b_stride=(0, 0, 1))
    >>> pair_walk((1, 4, 6, 8), (1, 4, 6, 8))
    PairWalk(shape=(4, 1, 48), a_stride=(48, 0, 1), b_stride=(48, 0, 1))
    >>> pair_walk((20, 4), (20, 4))
    PairWalk(shape=(1, 1, 80), a_stride=(0, 0, 1), b_stride=(0, 0, 1))
    """
    rank = max(len(a_shape), len(b_shape))
    a_full = (1,) * (rank - len(a_shape)) + a_shape
    b_full = (1,) * (rank - len(b_shape)) + b_shape
    dimensions: list[_Group] = []
    for a_size, b_size in zip(a_full, b_full, strict=True):
        size = max(a_size, b_size)
        dimensions.append((size, a_size < size, b_size < size))
    is_image = rank == 4 and dimensions[0][0] == 1
    rows, others = (dimensions[1:2], dimensions[2:]) if is_image else ([], dimensions)
    groups = rows + _merged(others)
    if len(groups) > 3:
        return None
    one = (1, False, False)
    middle = [one] * (3 - len(groups))  # single rows lie between the others
    full = [*groups[:-1], *middle, *groups[-1:]] if len(groups) > 1 else [*middle, *groups]
    if is_image and len(groups) == 1:  # one pixel wide and deep
        full = [*groups, *middle]
    sizes = [size for size, _, _ in full[:3]]
    return PairWalk(
        (sizes[0], sizes[1], sizes[2]),
        _strides([(size, a) for size, a, _ in full[:3]]),
        _strides([(size, b) for size, _, b in full[:3]]),
    )


def _merged(dimensions: list[_Group]) -> list[_Group]:
    """Without those of size 1, neighbours of the same kind as one."""
    groups: list[_Group] = []
    for size, a, b in dimensions:
        if size == 1:
            continue
        joined = groups.pop()[0] if groups and groups[-1][1:] == (a, b) else 1
        groups.append((joined * size, a, b))
    return groups


def _strides(dimensions: list[tuple[int, bool]]) -> tuple[int, int, int]:
    """Elements from one index to the next, 0 in a broadcast dimension and in one of size 1."""
    strides, step = [], 1
    for size, broadcast in reversed(dimensions):
        strides.append(0 if broadcast or size == 1 else step)
        step *= 1 if broadcast else size
    return strides[2], strides[1], strides[0]
