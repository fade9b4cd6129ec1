"""What fits 512 KB of flash: the candidates for ``training.model.size: small``, measured.

    python benchmarks/small_network.py [CANDIDATE ...]
    python benchmarks/make_tables.py

Random weights, quantized on noise, alpha 0.35, one class, rows of the input fed in. Training can
only make channels constant, which saves flash and cycles. Each candidate is added to the result
file as soon as it is measured; those that are in it are not measured again.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from record import read_rows, write_result

import tinydet
from tinydet.config.loader import load_config
from tinydet.config.schema.training import SIZES, NetworkSize
from tinydet.pipeline.network import untrained_int8

NAME, BOARD, PART = "small_network", "STM32H747I-DISCO", "NUCLEO-F401RE"
SMALL, STANDARD = SIZES["small"], SIZES["standard"]
# Name -> the numbers of the network, and the side of its input, px.
CANDIDATES = {
    "standard": (STANDARD, 192),
    "small": (SMALL, 192),
    "56 channels, 1 block": (NetworkSize(56, 1, "block_14_add"), 192),
    "64 channels, 1 block": (NetworkSize(64, 1, "block_14_add"), 192),
    "15 blocks, 32 channels, 1 block": (NetworkSize(32, 1, "block_15_add"), 192),
    "15 blocks, 48 channels, 1 block": (NetworkSize(48, 1, "block_15_add"), 192),
    "13 blocks, 64 channels, 2 blocks": (NetworkSize(64, 2, "block_13_project_BN"), 192),
    "small at 224 px": (SMALL, 224),
    "small at 256 px": (SMALL, 256),
}


def main() -> None:
    """Measure the missing candidates and write results/small_network.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", nargs="*", help="names; none: all of them")
    rows = read_rows(NAME)
    for name in parser.parse_args().candidates or CANDIDATES:
        size, side_px = CANDIDATES[name]
        if any(row["network"] == name and row["size"] == asdict(size) for row in rows):
            continue
        rows = [row for row in rows if row["network"] != name]
        rows.append({"network": name, "side_px": side_px, **measured(size, side_px)})
        print(rows[-1], flush=True)
        rows.sort(key=lambda row: list(CANDIDATES).index(row["network"]))
        write_result(NAME, "python benchmarks/small_network.py", {"board": BOARD, "rows": rows})


def measured(size: NetworkSize, side_px: int) -> dict[str, Any]:
    """Memory, instructions and estimated cycles of one network."""
    SIZES["small"] = size  # the only way to other depths of the backbone, which no key sets
    model = {"size": "small", "input_shape": (side_px, side_px, 3), "pretrained_weights": None}
    config = load_config(None, [{f"training.model.{key}": value for key, value in model.items()}])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network = untrained_int8(config.config, ("person",), folder)
        fits = tinydet.footprint(network, input_mode="rows").to_dict()["fits"]
        output = folder / "benchmark"
        tinydet.benchmark(network, output, board=BOARD, input_mode="rows")
        counted = json.loads((output / "benchmark.json").read_text())
    footprint = counted["footprint"]
    return {
        "size": asdict(size),
        **{key: footprint[key] for key in ("weights_bytes", "code_bytes", "total_ram_bytes")},
        "macs": counted["macs"],
        "instructions": counted["total_instructions"],
        "cycles": counted["timing_estimate"]["cycles"],
        f"fits {PART}": fits[PART],
    }


def small_network_table(figures: dict[str, Any], table: Any) -> str:
    """The section of docs/benchmarks.md."""
    head = ["network", "side", "weights and code, KiB", "RAM, KiB", "M MACs", "M instructions",
            "M cycles", PART]  # fmt: skip
    rows = [
        [
            row["network"],
            str(row["side_px"]),
            f"{(row['weights_bytes'] + row['code_bytes']) / 1024:.1f}",
            f"{row['total_ram_bytes'] / 1024:.1f}",
            *(f"{row[key] / 1e6:.1f}" for key in ("macs", "instructions", "cycles")),
            "fits" if row[f"fits {PART}"] else "does not fit",
        ]
        for row in figures["rows"]
    ]
    return (
        "## A network for 512 KB of flash\n\n"
        "Candidates for `training.model.size: small` with random weights, alpha 0.35, one class, "
        f"rows of the input fed in. Cycles: estimate for {figures['board']}, all in flash. `small` "
        "has 14 blocks of the backbone, 48 channels, 2 blocks in each head.\n\n"
        f"{table(head, rows)}"
    )


if __name__ == "__main__":
    main()
