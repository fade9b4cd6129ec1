"""The tables of embedded.json and host_time.json: memory, instructions, boards, time on a PC."""

from collections.abc import Iterable
from typing import Any

from tinydet.targets import Footprint, fit, load_boards
from tinydet.targets.boards import Board, Fit

KIB = 1024
MILLION = 1e6
Row = dict[str, Any]
# The publisher's model card, COCO person, alpha 0.35, int8, STM32Cube.AI: activation RAM, code
# flash, weights flash in KiB by input size.
MODEL_CARD = {
    192: (711.45, 190.26, 984.25),
    224: (956.82, 191.45, 1007.78),
    256: (1238.29, 192.68, 1032.26),
    416: (2541.27, 194.22, 1109.27),
}
# TFLite Micro with CMSIS-NN on the published 192 network, its constants folded: the file and what
# is linked with it.
TFLM_ARENA_KIB, TFLM_CODE_KIB, TFLM_FILE_BYTES = 1013, 160, 1_534_584
TFLM_INSTRUCTIONS, TFLM_MACS = 376.8e6, 121.8e6
OF_CARD = "given in the publisher's model card, which does not state instructions"
OF_TFLM = "measured by this project once, on the published 192 network with its constants folded"
OF_ELF = (
    "memory from the linked ELF; stack painted and read back, instructions counted, in the emulator"
)


def embedded_table(figures: dict[str, Any]) -> str:
    """Memory and instructions of every way to compile, beside the two other tools."""
    random = [row for row in figures["rows"] if row["weights"].startswith("random")]
    plain = [row for row in random if _is_plain(row)]
    sizes = sorted({row["input"][0] for row in plain})
    lines = []
    for size in sizes:
        lines += [_line(row) for row in plain if row["input"][0] == size]
        lines += _others(size)
    others = [_line(row) for row in random if not _is_plain(row)]
    trained = [_line(row) for row in figures["rows"] if not row["weights"].startswith("random")]
    note = (
        "\nAlpha 0.35, one class. Activation RAM: the arena, with the image in it as far as the"
        " input mode puts it there, and with the work of the boxes. Code flash: network and boxes."
        " Weights flash: in parentheses int8 weights + int32 biases + 8 bytes a channel."
        " Instructions: one inference without boxes; the same every time. Compile: processor"
        " seconds of `compile_detector`, without the C compiler."
        f"\n\n- tinydet: {OF_ELF}.\n- STM32Cube.AI: {OF_CARD}.\n- TFLite Micro: {OF_TFLM}.\n"
    )
    return (
        "## Compiled to C\n\nRandom weights, all channels kept; Cortex-M7, zig cc.\n\n"
        + _table(lines)
        + note
        + "\n### Other input modes, cores and compilers\n\n"
        + _table(others)
        + ("\n### Trained, constant channels removed\n\n" + _table(trained) if trained else "")
    )


def boards_table(figures: dict[str, Any]) -> str:
    """Which board takes which input size."""
    rows = [row for row in figures["rows"] if row["weights"].startswith("random")]
    rows = [row for row in rows if _is_plain(row)]
    sizes = sorted({row["input"][0] for row in rows})
    lines = []
    for board in load_boards():
        cells = [_fit_cell(board, [r for r in rows if r["input"][0] == size]) for size in sizes]
        lines.append([board.name, board.core, *cells])
    heads = ["board", "core", *(f"{size} px" for size in sizes)]
    note = (
        "\nAlpha 0.35, one class, image in the arena, nothing reserved for the rest of the"
        " application. RAM: what arena, stack and detections leave free (in the region of memory"
        " that holds the arena); flash: what weights and code leave free. `balanced` unless only"
        ' `--optimize ram` fits. "External": parts lie in memories of the board outside of the'
        " chip.\n"
    )
    return "## What fits which board\n\n" + _markdown(heads, lines) + note


def host_table(figures: dict[str, Any]) -> str:
    """Time of the C on a PC against LiteRT."""
    lines = [
        [
            row["objective"],
            *(
                f"{row[f'c_{kind}_ms']:.1f} / {row[f'litert_{kind}_ms']:.1f} = "
                f"{row[f'{kind}_ratio']:.1f}"
                for kind in ("median_processor", "lowest_tenth_elapsed", "median_elapsed")
            ),
            str(row["inferences_of_each"]),
        ]
        for row in figures["rows"]
    ]
    heads = ["objective", "processor time, median", "elapsed, lowest tenth", "elapsed, median"]
    size = "x".join(map(str, figures["input"]))
    note = (
        f"\nMilliseconds of the C / of LiteRT with XNNPACK = ratio; {size}, alpha 0.35, one thread"
        " each, alternating inferences on a machine with other load.\n"
    )
    return "## On a PC\n\n" + _markdown([*heads, "inferences of each"], lines) + note


def _is_plain(row: Row) -> bool:
    """On the core and with the compiler and input mode that all sizes were measured with."""
    footprint = row["footprint"]
    return (footprint["core"], footprint["input_mode"], row["compiler"]) == (
        "cortex-m7",
        "image",
        "zig",
    )


def _line(row: Row) -> list[str]:
    footprint = row["footprint"]
    how = row["objective"]
    if footprint["input_mode"] != "image":
        how += f", input {footprint['input_mode']}"
    if footprint["core"] != "cortex-m7":
        how += f", {footprint['core']}"
    if row["compiler"] != "zig":
        how += f", {row['compiler']}"
    weights, bound = footprint["weights_bytes"], row["weights_bound_bytes"]
    return [
        str(row["input"][0]),
        f"tinydet, {how}",
        f"{footprint['arena_bytes'] / KIB:.1f}",
        f"{footprint['stack_bytes']} B",
        f"{footprint['code_bytes'] / KIB:.1f}",
        f"{weights / KIB:.0f} ({bound / KIB:.0f})",
        f"{row['network_instructions'] / MILLION:.1f} M",
        f"{row['network_instructions'] / row['macs']:.2f}",
        f"{row['compile_cpu_seconds']:.0f} s",
    ]


def _others(size: int) -> list[list[str]]:
    """The other tools at an input size."""
    lines = []
    if size in MODEL_CARD:
        ram, code, weights = MODEL_CARD[size]
        numbers = [f"{ram:.1f}", "", f"{code:.1f}", f"{weights:.0f}", "", "", ""]
        lines.append([str(size), "STM32Cube.AI", *numbers])
    if size == min(MODEL_CARD):
        lines.append(
            [
                str(size),
                "TFLite Micro, CMSIS-NN",
                str(TFLM_ARENA_KIB),
                "",
                f"about {TFLM_CODE_KIB}",
                f"{TFLM_FILE_BYTES / KIB:.0f}",
                f"{TFLM_INSTRUCTIONS / MILLION:.1f} M",
                f"{TFLM_INSTRUCTIONS / TFLM_MACS:.2f}",
                "",
            ]
        )
    return lines


def _fit_cell(board: Board, rows: list[Row]) -> str:
    """The first objective that fits inside, else with external memory, else what lacks."""
    fits = {
        row["objective"]: fit(board, Footprint.from_record(row["footprint"]))
        for row in rows
        if row["objective"] != "speed"
    }
    for objective in ("balanced", "ram"):
        if fits[objective].inside:
            how = "" if objective == "balanced" else ", `ram`"
            return f"yes: {_spare(fits[objective])}{how}"
    for objective in ("balanced", "ram"):
        found = fits[objective]
        if found.fits:
            how = "" if objective == "balanced" else ", `ram`"
            return f"external {' and '.join(_short(found))}{how}"
    return f"no: {', '.join(_missing(fits['ram']))} missing"


def _spare(found: Fit) -> str:
    return (
        f"{found.ram_spare_bytes // KIB} KiB RAM, {found.flash_spare_bytes // KIB} KiB flash left"
    )


def _short(found: Fit) -> list[str]:
    return [kind for kind, spare in _spares(found) if spare < 0]


def _missing(found: Fit) -> list[str]:
    return [f"{-spare // KIB + 1} KiB of {kind}" for kind, spare in _spares(found) if spare < 0]


def _spares(found: Fit) -> Iterable[tuple[str, int]]:
    return (("RAM", found.ram_spare_bytes), ("flash", found.flash_spare_bytes))


def _table(lines: list[list[str]]) -> str:
    heads = ["input", "tool", "activation RAM, KiB", "stack", "code flash, KiB"]
    heads += ["weights flash, KiB", "instructions", "per MAC", "compile"]
    return _markdown(heads, lines)


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
