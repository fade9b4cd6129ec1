"""Writes docs/benchmarks.md from the result files.

python benchmarks/make_tables.py
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ap_per_cost import cost_table
from backends_table import backends_ap_table, backends_table
from code_flash import code_flash_table
from commercial_images import commercial_images_table
from embedded_tables import boards_table, embedded_table, host_table
from evaluation_engines import engines_table
from face_tables import answer_table, newcomer_table, pages_table, workbench_table
from pretrained_card import pretrained_table
from quantization_table import quantization_table
from record import RESULTS
from scaling_tables import scaling_tables
from small_network import small_network_table
from teacher_labels import teacher_labels_table
from threads import threads_table
from timing_tables import core_validation_table, timing_tables, vector_tables

from tinydet.config.files import write_text_atomically

DOC = Path(__file__).parent.parent / "docs" / "benchmarks.md"
# Published model card, COCO person, alpha 0.35, int8: AP at IoU 0.4, evaluated on the images of
# coco_person's validation set with the published file.
PUBLISHED_AP_192 = 0.388
HEAD = """# Benchmarks

Made by `python benchmarks/make_tables.py` from the files in `benchmarks/results`; each of them
contains the command, the date, the machine and the versions. AP: all-point interpolation, NMS IoU
0.5, score threshold 0.001, at most 100 boxes per image. Percent.
"""


def main() -> None:
    """Read every result and write the tables."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    accuracy = {k: r for k, r in results.items() if "int8_per_channel" in r["figures"]}
    parts = [HEAD, accuracy_table(accuracy), training_table(accuracy)]
    for name, section in BEFORE.items():
        if name in results:
            parts.append(section(results[name]["figures"]))
    ablations = [r["figures"] for k, r in results.items() if "ablation" in k]
    parts.extend(ablation_table(figures) for figures in ablations if len(recipes(figures)) > 1)
    parts.extend(
        training_images_table(figures)
        for figures in ablations
        if any("images" in row for row in figures["rows"])
    )
    parts.extend(
        quantization_table(k, r["figures"], table)
        for k, r in results.items()
        if k.startswith("quantization_")
    )
    parts.extend(scaling_tables(results, table))
    parts.append(evaluation_throughput(accuracy))
    for name, section in AFTER.items():
        if name in results:
            parts.append(section(results[name]["figures"]))
    exactness = [r["figures"] for k, r in results.items() if k.startswith("exactness")]
    if exactness:
        parts.append(exactness_table([model for f in exactness for model in f["models"]]))
    parts.append(foreign_files_table(results["post_processed"]["figures"]["models"]))
    parts.append(
        fuzz_section(results["fuzz"]["figures"], results["fuzz_readers"]["figures"]),
    )
    parts.append(how_taken(results))
    write_text_atomically(DOC, "\n".join(parts))
    print(f"Wrote {DOC}")


def foreign_files_table(models: list[dict[str, Any]]) -> str:
    """The C of public files beside LiteRT's reference kernels."""
    keys = ("images", "values", "differing_values", "detections", "images_with_other_detections")
    rows = [
        [f"`{m['file']}`", *(f"{m[key]:,}" for key in keys), f"{m['largest_difference']:.1e}"]
        for m in models
    ]
    heads = ["file", "photos", "values", "differing", "boxes", "photos with others", "farthest"]
    note = (
        "\nValues: scores and box codes of all anchors, C against LiteRT's reference kernels. "
        "Boxes: against LiteRT's operator where the file has it, else against the same box code in "
        "Python; the last column is the largest difference of a score or box edge.\n"
    )
    return "## Public detectors in C\n\n" + table(heads, rows) + note


def fuzz_section(compiler: dict[str, Any], readers: dict[str, Any]) -> str:
    """What mutated files did."""
    return (
        f"## Hostile files\n\n{compiler['mutated_files']:,} mutated `.tflite` files compiled: each "
        "became C or was refused with an error of tinydet, "
        f"{compiler['neither_read_nor_refused']} otherwise.\n\n"
        f"{readers['inputs']:,} mutated inputs of every reader (models, labels, archives, images, "
        f"configurations, specifications): each was read or refused, {len(readers['faults'])} "
        f"otherwise. Longest {readers['longest_cpu_s']:.1f} s of CPU time, longest message "
        f"{readers['longest_message_bytes']:,} bytes, most memory {readers['peak_mib']} MiB.\n"
    )


def accuracy_table(results: dict[str, Any]) -> str:
    """AP of float and int8."""
    rows = []
    for name, result in results.items():
        figures = result["figures"]
        for kind in ("float", "int8_per_channel", "int8_per_tensor"):
            measured = figures[kind]
            drop = (measured["ap@0.40"] - figures["float"]["ap@0.40"]) * 100
            rows.append(
                [
                    name,
                    kind.replace("_", " "),
                    *(f"{measured[key] * 100:.1f}" for key in ("ap@0.40", "ap@0.50", "coco_ap")),
                    "" if kind == "float" else f"{drop:+.1f}",
                    f"{measured['size_bytes'] / 1024:.0f}",
                ]
            )
    heads = ["run", "model", "AP@0.4", "AP@0.5", "COCO AP", "against float, AP@0.4", "file, KiB"]
    note = (
        f"\nFor comparison: the published 192 px person detector, trained on 60 times more images, "
        f"has AP@0.4 {PUBLISHED_AP_192:.1%} on the validation images of `coco_person_192_a035`.\n"
    )
    return "## Accuracy, float and int8\n\n" + table(heads, rows) + note


def training_table(results: dict[str, Any]) -> str:
    """What it took to train."""
    rows = []
    for name, result in results.items():
        facts = result["figures"]["training"]
        rows.append(
            [
                name,
                str(facts["images"]),
                str(result["figures"]["images"]),
                str(facts["epochs"]),
                f"{facts['minutes']:.0f}",
                f"{facts['recipe']}, seed {facts['seed']}",
            ]
        )
    heads = ["run", "training images", "validation images", "epochs", "minutes, 2 cores", "recipe"]
    return "## Training\n\n" + table(heads, rows)


ABLATION_FIGURES = ("ap@0.40", "ap@0.50", "ap@0.75", "coco_ap")
ABLATION_HEADS = ("AP@0.4", "AP@0.5", "AP@0.75", "COCO AP")


def recipes(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an ablation that had all images."""
    return [row for row in figures["rows"] if "images" not in row]


def base_of(figures: dict[str, Any]) -> str:
    """The configuration that the rows of an ablation change."""
    return figures.get("base", "benchmarks/ablation_base.yaml")


def ablation_table(figures: dict[str, Any]) -> str:
    """What one change of the recipe each is worth, best first."""
    measured = recipes(figures)
    # Long runs compare whole recipes: there is no base among them.
    reference = "base" if any(row["row"] == "base" for row in measured) else "published"
    references = {row["seed"]: row for row in measured if row["row"] == reference}
    rows = []
    for row in sorted(measured, key=lambda row: -row["ap@0.40"]):
        other = references.get(row["seed"])
        gain = "" if other in (None, row) else f"{100 * (row['ap@0.40'] - other['ap@0.40']):+.1f}"
        rows.append([row["row"], row["change"], str(row["seed"]), *ablation_figures(row), gain])
    heads = ["row", "change", "seed", *ABLATION_HEADS, f"AP@0.4 over {reference}"]
    note = (
        f"\nPerson detector at 192, alpha 0.35: {figures['epochs']} epochs of {figures['images']} "
        f"images each, changes against `{base_of(figures)}`, weights of the last "
        "epoch. A short budget favours whatever starts fast: see "
        "[training.md](training.md).\n"
    )
    return f"## Recipes, {figures['epochs']} epochs\n\n{table(heads, rows)}{note}"


def training_images_table(figures: dict[str, Any]) -> str:
    """AP against the number of training images."""
    counts = {
        row.get("images", figures["images"]): row
        for row in figures["rows"]
        if "images" in row or row["row"] == "base"
    }
    rows = [
        [str(count), f"{figures['epochs'] * figures['images'] / count:.0f}", *ablation_figures(row)]
        for count, row in sorted(counts.items())
    ]
    heads = ["training images", "passes over them", *ABLATION_HEADS]
    note = (
        f"\nPerson detector at 192, alpha 0.35, by `{base_of(figures)}`: as many images "
        f"are seen in each row, {figures['epochs'] * figures['images']:,}. More passes over fewer "
        "images teach less.\n"
    )
    return f"## Number of training images\n\n{table(heads, rows)}{note}"


def ablation_figures(row: dict[str, Any]) -> list[str]:
    """The cells below ``ABLATION_HEADS``."""
    return [f"{100 * row[name]:.1f}" for name in ABLATION_FIGURES]


def starts_table(figures: dict[str, Any]) -> str:
    """What training starts from, on small sets of other objects."""
    rows = [
        [row["data"], row["row"].replace("_quality", ", `quality: 1`"), str(row["epochs"]),
         str(row["seed"]), *ablation_figures(row)]
        for row in figures["rows"]
    ]  # fmt: skip
    heads = ["images", "start", "epochs", "seed", *ABLATION_HEADS]
    note = (
        "\nThe configuration of `tinydet init` at 192, alpha 0.35, weights of the last epoch, on "
        "the fifth of the images that training does not see. `person` is the bundled detector of "
        "people, `imagenet` a backbone trained on ImageNet. `bccd`: cells of blood, three classes "
        "(the BCCD data set, 364 photos); `helmets`: heads with and without a helmet (622 photos "
        "of the public repository `mukammilbasha/Dataset`, equal ones left out).\n"
    )
    return f"## What training starts from\n\n{table(heads, rows)}{note}"


def training_throughput(result: dict[str, Any]) -> str:
    """Images per second of pipeline, step, and both."""
    figures = result["figures"]
    rows = [
        [label, f"{figures[f'{key}_images_per_second']:.0f}"]
        for label, key in (
            ("data pipeline alone (augmentation included)", "pipeline_alone"),
            ("training step alone", "step_alone"),
            ("training, both together", "together"),
        )
    ]
    size = "x".join(map(str, figures["input"]))
    heads = [f"alpha 0.35, {size}, batch {figures['batch_size']}", "images/s"]
    return "## Training throughput\n\n" + table(heads, rows)


def evaluation_throughput(results: dict[str, Any]) -> str:
    """Images per second from JPEG files to AP."""
    rows = [
        [
            name,
            *(
                f"{result['figures'][k]['images_per_second']:.0f}"
                for k in ("int8_per_channel", "float")
            ),
        ]
        for name, result in results.items()
    ]
    title = "## Evaluation throughput, JPEG files to AP, images/s\n\n"
    return title + table(["run", "int8 .tflite", "float .keras"], rows)


def exactness_table(models: list[dict[str, Any]]) -> str:
    """Generated C against the reference kernels."""
    rows = []
    for model in models:
        cores = [name for name in model if name.startswith("cortex")]
        runs = [model, *(model[core] for core in cores)]
        on_cores = ", ".join(f"{core} {model[core]['images']}" for core in cores)
        rows.append(
            [
                f"{model['alpha']}, {model['input']}, {model['classes']}, {model['granularity']}",
                str(model["images"]),
                on_cores,
                str(sum(run["values"] for run in runs)),
                str(sum(run["differing_values"] for run in runs)),
                str(sum(run["detections"] for run in runs)),
                str(sum(run["images_with_differing_detections"] for run in runs)),
            ]
        )
    heads = ["alpha, input, classes, weights", "images on host", "images on emulated cores"]
    heads += ["output values", "differing", "detections", "images that differ"]
    note = (
        "\nAgainst LiteRT's reference kernels (`BUILTIN_REF`), random weights unless trained;"
        " photos and noise in turn; detections of the C against those of the Python path.\n"
    )
    return "## Exactness of the generated C\n\n" + table(heads, rows) + note


def same_boxes_table(figures: dict[str, Any]) -> str:
    """Boxes of every target against those of Python."""
    rows = [
        [target, str(row["images"]), str(row["same"])] for target, row in figures["targets"].items()
    ]
    note = (
        f"\n{figures['images']} photos with {figures['detections']} detections; class, score and"
        " corners are compared bit for bit with LiteRT's reference kernels and the boxes of Python."
        " `cortex-m` on an emulated core, Linux programs as files, the web page in a browser.\n"
    )
    return "## The same boxes everywhere\n\n" + table(["target", "images", "same"], rows) + note


def deploy_table(figures: dict[str, Any]) -> str:
    """From a model to firmware and page."""
    rows = [
        [
            row["board"],
            f"{row['seconds']:.1f}",
            "; ".join(" ".join(line.split()) for line in row["memory"]),
            ", ".join(row["external"]) or "none",
            row["emulated"][0],
        ]
        for row in figures["firmware"]
    ]
    heads = ["board", "seconds", "memory of the firmware", "external", "emulated"]
    note = (
        "\nSeconds from the `.tflite` to two linked programs and the self-test's end in an"
        f" emulator. The web page has {figures['page_bytes'] / 1024:.0f} KiB,"
        f" {figures['page_bytes_without_weights'] / 1024:.1f} KiB without the weights.\n"
    )
    return "## From a model to firmware\n\n" + table(heads, rows) + note


def how_taken(results: dict[str, Any]) -> str:
    """Commands and machines."""
    rows = [
        [
            name,
            f"`{result['command']}`",
            result["date"],
            f"{result['machine']['cpu']}, {result['machine']['cores']} cores",
            f"TensorFlow {result['versions']['tensorflow']}, Keras {result['versions']['keras']}",
        ]
        for name, result in results.items()
    ]
    return "## How taken\n\n" + table(["result", "command", "date", "machine", "versions"], rows)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


# Result file -> its section, in the order of the page: before and after the trainings of recipes.
BEFORE: dict[str, Callable[[dict[str, Any]], str]] = {
    "pretrained": lambda figures: pretrained_table(figures, table),
    "ap_per_cost": lambda figures: cost_table(figures, table),
    "small_network": lambda figures: small_network_table(figures, table),
    "commercial_images": lambda figures: commercial_images_table(figures, table),
    "starts": starts_table,
    "teacher_labels": lambda figures: teacher_labels_table(figures, table),
    "training_throughput": lambda figures: training_throughput({"figures": figures}),
    "backends_steps": lambda figures: backends_table(figures, table),
    "backends_ap": lambda figures: backends_ap_table(figures, table),
}
AFTER: dict[str, Callable[[dict[str, Any]], str]] = {
    "embedded": lambda figures: embedded_table(figures) + "\n" + boards_table(figures),
    "code_flash": lambda figures: code_flash_table(figures, table),
    "timing": lambda figures: timing_tables(figures, table),
    "timing_vectors": lambda figures: vector_tables(figures, table),
    "core_validation": lambda figures: core_validation_table(figures, table),
    "host_time": host_table,
    "evaluation_engines": lambda figures: engines_table(figures, table),
    "threads": lambda figures: threads_table(figures, table),
    "same_boxes": lambda figures: same_boxes_table(figures),
    "deploy": lambda figures: deploy_table(figures),
    "newcomer": lambda figures: newcomer_table(figures, table),
    "answer_time": lambda figures: answer_table(figures, table),
    "pages": lambda figures: pages_table(figures, table),
    "workbench": lambda figures: workbench_table(figures, table),
}


if __name__ == "__main__":
    main()
