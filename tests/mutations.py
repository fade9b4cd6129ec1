"""Files with something changed in them: bytes, tokens of text formats, numbers, ranges, the end."""

import random

TOKENS = (
    *(b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"9" * 400, b"1" * 5000, b"null", b"true"),
    *(b"[" * 3000, b"{" * 300, b'{"a":' * 2000, b"<a>" * 3000, b"&x;", b"<!DOCTYPE a>", b"]]>"),
    *(b"*a", b"&a [*a]", b"!!python/object:os.system", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"'),
    *(b"'", b"\\", b"\\ud800", b"\r", b"\n", b"\x1b[31m", b"../../", b"a" * 300, b",", b";", b":"),
    *("é".encode(), "\u202e".encode(), b"%s%n", b"/" * 5000, b"CON", b" ", b"\t"),
)
NUMBERS = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**30, 2**31 - 1, 2**31, 2**32 - 1)


def mutated_text(content: bytes, random_: random.Random) -> bytes:
    """The content with a few bytes, tokens or ranges changed."""
    data = bytearray(content)
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(data) + 1)
        kind = random_.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << random_.randrange(8)
        elif kind == 1:
            data[at : at + random_.randint(0, 6)] = random_.choice(TOKENS)
        elif kind == 2:
            del data[at : at + random_.randint(1, 40)]
        elif kind == 3:
            start = random_.randrange(len(data) + 1)
            data[at:at] = data[start : start + random_.randint(1, 60)] * random_.choice((1, 2, 50))
        elif kind == 4 and data:
            data[at % len(data)] = random_.randrange(256)
        elif random_.random() < 0.3:
            del data[at:]
    return bytes(data)


def mutated_binary(content: bytes, random_: random.Random) -> bytes:
    """The content with a few bytes, numbers of 1, 2 or 4 bytes, ranges or its end changed."""
    data = bytearray(content)
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(data) or 1)
        size = random_.choice((1, 2, 4))
        order = random_.choice(("little", "big"))
        kind = random_.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([random_.randrange(256)])
        elif kind == 1:
            value = random_.choice(NUMBERS) % 256**size
            data[at : at + size] = value.to_bytes(size, order)[: len(data) - at]
        elif kind == 2:
            found = int.from_bytes(data[at : at + size], order)
            value = (found + random_.randint(-8, 8)) % 256**size
            data[at : at + size] = value.to_bytes(size, order)[: len(data) - at]
        elif kind == 3:
            start, count = random_.randrange(len(data) or 1), random_.randint(1, 40)
            piece = data[start : start + count]
            data[at : at + len(piece)] = piece
        elif kind == 4:
            del data[at : at + random_.randint(0, 8)]
        elif random_.random() < 0.2:
            del data[at:]
    return bytes(data)
