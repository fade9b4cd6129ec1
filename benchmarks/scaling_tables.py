"""The tables of benchmarks/scaling.py in docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

Table = Callable[[list[str], list[list[str]]], str]
SOURCES = {
    "decoding": "every file decoded",
    "disk_cache": "decoded images on disk",
    "disk_cache_416": "decoded images on disk, shrunk to 416 px",
    "memory_416": "decoded images in memory, shrunk to 416 px",
}


def scaling_tables(results: dict[str, Any], table: Table) -> list[str]:
    """Data pipeline, processes and a large data set, as far as they were measured.

    Args:
        results: Result files by name.
        table: From heads and rows to Markdown.
    """
    makers = {
        "scaling_pipeline": _pipeline,
        "scaling_processes": _processes,
        "scaling_large": _large,
        "pack": _pack,
    }
    return [
        make(results[name]["figures"], table) for name, make in makers.items() if name in results
    ]


def _pipeline(figures: dict[str, Any], table: Table) -> str:
    cores = [key for key in figures if key.endswith("_cores")]
    rows = [[label, *(f"{figures[c][key]:.0f}" for c in cores)] for key, label in SOURCES.items()]
    heads = ["images/s, without a training step", *(key.replace("_", " ") for key in cores)]
    note = "\nCOCO photos of 448 px to augmented 192 x 192 batches of 32.\n"
    return "## Data pipeline by cores\n\n" + table(heads, rows) + note


def _processes(figures: dict[str, Any], table: Table) -> str:
    rows = [
        ["one process, all cores", f"{figures['one_process']:.1f}"],
        ["two processes, half of the cores each", f"{figures['two_processes']:.1f}"],
    ]
    note = (
        f"\nThe same batch of {figures['batch_size']} at 192, alpha 0.35, data pipeline included, "
        f"in turns; median of the ratios {figures['ratio']:.2f}.\n"
    )
    return "## Training by two processes\n\n" + table(["", "images/s"], rows) + note


def _large(figures: dict[str, Any], table: Table) -> str:
    start, check, epoch = (figures[f"large-{part}"] for part in ("start", "check", "epoch"))
    rows = [
        ["reading the labels, s", f"{start['read_labels_s']:.1f}"],
        ["check of the data before a run, s", f"{check['check_s']:.1f}"],
        ["memory with the labels read, MiB", f"{start['peak_mib']:.0f}"],
        ["peak memory after 12,800 images, MiB", f"{epoch['peak_mib_after_12800_images']:.0f}"],
        ["peak memory after 51,200 images, MiB", f"{epoch['peak_mib_after_51200_images']:.0f}"],
        ["images/s, without a training step", f"{epoch['images_per_second']:.0f}"],
    ]
    return f"## A set of {figures['images']:,} images\n\n" + table(["", ""], rows)


def _pack(figures: dict[str, Any], table: Table) -> str:
    kinds = (
        ("one_thread", "one thread"),
        ("two_threads", "two threads"),
        ("processes", f"{figures['processes']['workers']} processes (`num_workers`)"),
    )
    rows = [
        [label, str(figures[key]["images_per_second"]), f"{figures[key]['own_ms_per_image']:.2f}"]
        for key, label in kinds
    ]
    heads = ["images/s, without a training step", "2 cores", "ms of the training process per image"]
    note = (
        f"\n{figures['images']:,} photos shrunk to {figures['side']} px and their labels are a "
        f"file of {figures['bytes'] / (1 << 20):.1f} MiB; 6,000 would be "
        f"{figures['mib_of_6000_images']:.0f} MiB. Augmented 192 x 192 batches of 32. Extrapolated "
        f"to 16 cores: {figures['images_per_second_of_16_cores']:,}; what the training process has "
        f"to do itself allows {figures['most_of_one_training_process']:,}.\n"
    )
    return "## Images from a pack\n\n" + table(heads, rows) + note
