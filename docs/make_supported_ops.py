"""Write docs/supported_ops.md from the constraints of the compiler.

    python docs/make_supported_ops.py

A test fails when the file is stale.
"""

from pathlib import Path

from tinydet.compiler.constraints import CONSTRAINTS, FOLDED_KINDS
from tinydet.compiler.ir import OPTIONS_OF_KIND, ConvOptions, LookupOptions, PoolOptions

PAGE = Path(__file__).parent / "supported_ops.md"
INTRODUCTION = """\
# Operators the compiler supports

`tinydet compile` translates int8 networks of these TensorFlow Lite operators to C. Whatever else a
file holds is refused, with one message that lists every place. This page is generated from
`tinydet/compiler/constraints`.

SQUEEZE and EXPAND_DIMS count as RESHAPE. Fused activations: NONE, RELU, RELU6, RELU_N1_TO_1.
The detector's outputs may be joined in float32 `[scores | deltas | anchors]`, or be two or three
outputs in any order, in int8, uint8 or float32: the conversions behind the network are cut off.

Networks of uint8 codes with one scale per tensor (quantization-aware training of TensorFlow 1) are
read as int8, without a change of any result, where they consist of CONV_2D, DEPTHWISE_CONV_2D, ADD,
CONCATENATION (of different scales, too), LOGISTIC, MAX_POOL_2D, PAD, RESHAPE and
RESIZE_NEAREST_NEIGHBOR. Their weights can need nine bits: a CONV_2D then reads the few channels
concerned twice, a DEPTHWISE_CONV_2D all rows, which doubles its time.
"""
NOTES: dict[type[object], str] = {
    ConvOptions: "Padding SAME or VALID, any stride and dilation. A PAD in front is folded.",
    PoolOptions: "Padding SAME or VALID.",
    LookupOptions: "No file has it: the compiler makes it of a change of scale in a uint8 network.",
}
FOLDED_NOTE = "Only where the result does not depend on the image: it is computed beforehand."


def supported_ops_text() -> str:
    """The content of ``docs/supported_ops.md``."""
    parts = [INTRODUCTION]
    shared = [rule for rule in CONSTRAINTS if len(rule.kinds) > len(OPTIONS_OF_KIND) // 2]
    parts.append("\n## All operators\n")
    parts += [_item(rule.rule, rule.remedy) for rule in shared]
    for kind, options in sorted(OPTIONS_OF_KIND.items(), key=lambda item: item[0]):
        parts.append(f"\n## {kind}\n")
        notes = [note for base, note in NOTES.items() if issubclass(options, base)]
        if kind in FOLDED_KINDS:
            notes.append(FOLDED_NOTE)
        parts += [f"- {note}" for note in notes]
        own = [rule for rule in CONSTRAINTS if kind in rule.kinds and rule not in shared]
        parts += [_item(rule.rule, rule.remedy) for rule in own]
        if not notes and not own:
            parts.append("- No constraint of its own.")
    return "\n".join(parts) + "\n"


def _item(rule: str, remedy: str) -> str:
    return f"- {rule}\n  *Otherwise:* {remedy}"


if __name__ == "__main__":
    PAGE.write_text(supported_ops_text(), encoding="utf-8")
