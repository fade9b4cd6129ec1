"""One table of all cores: instructions and time of one inference, beside a reference.

    python benchmarks/cores_table.py

Writes it into ``docs/cores.md`` from the results of ``timing.py``, ``exactness.py``, ``cores.py``,
``linux_cores.py``, ``linux_tflite.py``, ``timing_vectors.py``, ``pc_kernels.py``, ``host_time.py``
and ``threads.py``; what was not measured is left empty.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from record import RESULTS, read_rows

from tinydet.config.files import write_text_atomically

DOCUMENT = Path(__file__).parents[1] / "docs" / "cores.md"
BEGIN, END = "<!-- table: benchmarks/cores_table.py -->", "<!-- end of all cores -->"
MODELS = ("person_192", "person_256")
HEAD = ("Core", "Kernels", "192: instructions", "per MAC", "time", "256: instructions", "time",
        "Differing values", "Reference, at 192")  # fmt: skip
DSP_REFERENCE = "TFLite Micro with CMSIS-NN: 376.8 M instructions, 3.09 per MAC"
HELIUM_REFERENCE = "CMSIS-NN as published: 0.4 to 1.3 cycles per MAC (1x1), 3.8 (depthwise)"
# What the maker of the boards prints for its network of this size, in its model card.
PRINTED = {"Cortex-A7": "card: 287.4 ms (one core, 1 GHz), 193.7 ms (two, 800 MHz)"}
BOARDS = {"cortex-m4": "STM32L4R9I-DISCO", "cortex-m7": "STM32H747I-DISCO"}
Row = dict[str, Any]
Cells = dict[str, str]


def main() -> None:
    """Write the table."""
    rows = [*microcontrollers(), *helium(), *linux(), *pc()]
    lines = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    lines += [f"| {' | '.join(row.get(name, '') for name in HEAD_KEYS)} |" for row in rows]
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(lines)
    write_text_atomically(DOCUMENT, f"{before}{BEGIN}\n{table}\n{END}{after}")
    print(f"Wrote {DOCUMENT}")


HEAD_KEYS = ("core", "kernels", "count_192", "per_mac", "time_192", "count_256", "time_256",
             "differing", "reference")  # fmt: skip


def counts(rows: list[Row], **also: Any) -> Cells:
    """Instructions of the sizes that rows of one core have."""
    cells = {}
    for row in rows:
        size = row["model"].rpartition("_")[2]
        cells[f"count_{size}"] = millions(row["instructions"])
        if size == "192":
            cells["per_mac"] = f"{row['instructions'] / row['macs']:.2f}"
    return cells | also


def microcontrollers() -> Iterator[Cells]:
    """Cores without vectors: estimated cycles of one board each."""
    rows = [row for row in read_rows("timing") if row["model"] in MODELS]
    exact = [row for model in MODELS for row in read_rows(f"exactness_{model}", "models")]
    for core in ("cortex-m4", "cortex-m7", "cortex-m33"):
        of_core = [row for row in rows if row["core"] == core]
        boards = dict.fromkeys(row["board"] for row in of_core)
        if not boards:
            continue
        board = BOARDS.get(core, next(iter(boards)))
        best: dict[int, Row] = {}  # the fastest placement of each size
        for row in (row for row in of_core if row["board"] == board):
            if row["cycles"] < best.get(row["input"], row)["cycles"] + 1:
                best[row["input"]] = row
        cells = counts(list(best.values()))
        cells |= {f"time_{size}": estimated(row) for size, row in best.items()}
        yield cells | {
            "core": core,
            "kernels": "DSP",
            "differing": differing([row[core] for row in exact if core in row]),
            "reference": DSP_REFERENCE,
        }


def helium() -> Iterator[Cells]:
    """Cores with Helium: counted, and estimated on the first board of each."""
    rows = [row for row in read_rows("cores") if row["kernels"] == "Helium"]
    times: dict[tuple[str, int], str] = {}
    for row in read_rows("timing_vectors"):
        times.setdefault((row["core"], row["input"]), estimated(row))
    for core in dict.fromkeys(row["core"] for row in rows):
        of_core = [row for row in rows if row["core"] == core]
        yield counts(
            of_core, core=core, kernels="Helium", differing=differing(of_core),
            reference=HELIUM_REFERENCE,
            **{f"time_{size}": text for (of, size), text in times.items() if of == core},
        )  # fmt: skip


def linux() -> Iterator[Cells]:
    """Cores of Linux boards: counted, no time."""
    rows, runtime = read_rows("linux_cores"), read_rows("linux_tflite")
    for core in dict.fromkeys(row["core"] for row in rows):
        of_core = [row for row in rows if row["core"] == core]
        beside = [row for row in runtime if row["model"] == MODELS[0] and core in row["cores"]]
        told = [f"{r['runtime']}: {millions(r['instructions'])} instructions" for r in beside]
        told += [PRINTED[core]] if core in PRINTED else []
        cells = counts(of_core, core=core, kernels=of_core[0]["kernels"])
        yield cells | {"differing": differing(of_core), "reference": "; ".join(told)}


def pc() -> Iterator[Cells]:
    """This machine: each kernel set by one thread and by two, and what runs in a browser."""
    path = RESULTS / "host_time.json"
    reference = ""
    if path.is_file():
        record = json.loads(path.read_text(encoding="utf-8"))
        row = min(record["figures"]["rows"], key=lambda r: r["c_median_elapsed_ms"])
        reference = (
            f"LiteRT with XNNPACK: {row['litert_median_elapsed_ms']:.2f} ms where the C took "
            f"{row['c_median_elapsed_ms']:.2f} ms, one thread, side by side"
        )
    timed = read_rows("threads")
    for row in read_rows("pc_kernels"):
        name = row["kernels"]
        cells = {
            "core": "a browser" if "WebAssembly" in name else "PC (x86-64)",
            "kernels": name,
            "differing": differing([row]),
        }
        for time in (time for time in timed if time["kernels"] == name):
            cells[f"time_{time['model'].rpartition('_')[2]}"] = (
                f"{time['one_thread_ms']:.2f} ms, measured; two threads "
                f"{time['two_threads_ms']:.2f} ms ({time['times_faster']:.2f} times)"
            )
        if name == "avx512_vnni":
            cells["reference"] = reference
        yield cells


def estimated(row: Row) -> str:
    """An estimated time for people."""
    return f"{row['milliseconds']:.0f} ms, estimated ({row['board']}, {row['clock_mhz']} MHz)"


def millions(count: int) -> str:
    """Instructions for people."""
    return f"{count / 1e6:.1f} M"


def differing(rows: list[Row]) -> str:
    """What differs from the reference kernels over all rows of a core."""
    values = sum(row["values"] for row in rows)
    return f"{sum(row['differing_values'] for row in rows)} of {values:,}"


if __name__ == "__main__":
    main()
