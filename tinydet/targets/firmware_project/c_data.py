"""C files with the data of one project: the test image and the golden vectors."""

from tinydet.targets.base import ImageArray
from tinydet.targets.golden import GoldenVectors

VALUES_PER_LINE = 24


def image_source(image_u8: ImageArray) -> str:
    """``test_image.c``.

    Args:
        image_u8: ``[h, w, 3]`` uint8 RGB.
    """
    height, width, _ = image_u8.shape
    values = list(map(str, image_u8.reshape(-1).tolist()))
    lines = [
        "    " + ", ".join(values[at : at + VALUES_PER_LINE]) + ",\n"
        for at in range(0, len(values), VALUES_PER_LINE)
    ]
    return (
        '#include "test_image.h"\n\n'
        '__attribute__((section(".td_test_image")))\n'
        f"static const uint8_t pixels[{height} * {width} * 3] = {{\n{''.join(lines)}}};\n\n"
        f"const td_image td_test_image = {{pixels, {height}, {width}, 3 * {width}, TD_RGB888}};\n"
    )


def golden_source(golden: GoldenVectors) -> str:
    """``golden.c``."""
    rows = "".join(
        f"    {{0x{output.crc32:08X}u, {output.num_bytes}u}}, "
        f"/* {index} {_comment(output.operator)} */\n"
        for index, output in enumerate(golden.outputs)
    )
    return (
        f'#include "golden.h"\n\nconst td_golden td_golden_outputs[TD_NUM_GOLDEN] = {{\n{rows}}};\n'
    )


def _comment(name: str) -> str:
    """A name of any origin, made harmless inside of a comment."""
    short = name.split(";")[0]
    return "".join(c if c.isalnum() or c in "_/-. " else "?" for c in short).replace("/", "|")
