"""From the JSON records of footprint, benchmark and evaluate to rows of the tables."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.errors import DataError, ModelFileError
from tinydet.report.benchmark_report.figures import (
    AccuracyFigures,
    MemoryFigures,
    Origin,
    Source,
    Subject,
    TimeFigures,
)
from tinydet.targets.footprint import Footprint
from tinydet.targets.timing import ModelError, TimingEstimate, roofline_png

HERTZ_PER_MHZ = 1e6
MAX_NAMED_CLASSES = 3
Record = Mapping[str, Any]


@dataclass
class Benchmarks:
    """Rows of the report.

    Attributes:
        memory: RAM and flash.
        mcu: Times, cycles and instructions on microcontrollers.
        mpu: Times under Linux.
        accuracy: AP.
        rooflines: Caption and PNG file of each estimate that has its operators.
        footprints: Models that were linked, for the question which board they fit.
        unknown: Records of no known kind: what they were called.
    """

    memory: list[MemoryFigures] = field(default_factory=list)
    mcu: list[TimeFigures] = field(default_factory=list)
    mpu: list[TimeFigures] = field(default_factory=list)
    accuracy: list[AccuracyFigures] = field(default_factory=list)
    rooflines: list[tuple[str, bytes]] = field(default_factory=list)
    footprints: list[tuple[Subject, Footprint]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read_benchmark_files(paths: Iterable[Path]) -> Benchmarks:
    """Read records that commands left.

    What model a record is of is read from the ``detector.json`` beside the record or the model.

    Args:
        paths: ``footprint.json``, ``benchmark.json``, ``result.json`` and the like; of files that
            do not exist nothing is said.

    Returns:
        The rows, in the order of the files.

    Raises:
        DataError: A file is there but is not a JSON object.
    """
    return read_benchmarks([_read(path) for path in paths if path.is_file()])


def read_benchmarks(records: Sequence[Record]) -> Benchmarks:
    """Rows from records.

    Args:
        records: What the commands write as JSON. ``"model"`` names the model file,
            ``"detector"`` (the content of ``detector.json``) may say more of it.

    Returns:
        The rows, in the order of the records.
    """
    benchmarks = Benchmarks()
    for record in records:
        kinds = [kind for kind in KINDS if kind.recognise(record)]
        try:
            for kind in kinds[:1]:
                kind.read(benchmarks, _subject(record), record)
        except (KeyError, TypeError, ValueError, AttributeError):
            kinds = []
        if not kinds:
            benchmarks.unknown.append(str(record.get("path") or record.get("model") or "a record"))
    return benchmarks


def _footprint(to: Benchmarks, subject: Subject, record: Record) -> None:
    footprint = Footprint.from_record(record)
    to.footprints.append((subject, footprint))
    to.memory.append(
        MemoryFigures(
            subject,
            footprint.core,
            footprint.activation_ram_bytes,
            footprint.runtime_ram_bytes,
            footprint.weights_bytes,
            footprint.code_bytes,
            Source(Origin.LINKED, _versions(record, "tinydet", "ziglang")),
        )
    )


def _instructions(to: Benchmarks, subject: Subject, record: Record) -> None:
    compiler = str(record.get("compiler") or "")
    source = Source(
        Origin.EMULATED, ", ".join(filter(None, [_versions(record, "tinydet"), compiler]))
    )
    total = int(record["total_instructions"])
    to.mcu.append(TimeFigures(subject, record["core"], "1 CPU", source, instructions=total))
    _estimate(to, subject, record)


def _estimate(to: Benchmarks, subject: Subject, record: Record) -> None:
    """The estimate that stands beside counts or a measurement, where there is one."""
    if time := record.get("timing_estimate"):
        to.mcu.append(
            TimeFigures(
                subject,
                time["board"],
                "1 CPU",
                Source(Origin.ESTIMATED, ModelError(**time["error"]).text()),
                clock_mhz=time["clock_mhz"],
                ms=time["milliseconds"],
                cycles=time["cycles"],
            )
        )
        if time.get("steps"):
            picture = roofline_png(TimingEstimate.from_record(time))
            to.rooflines.append((f"{subject.name} on {time['board']}", picture))


def _board(to: Benchmarks, subject: Subject, record: Record) -> None:
    clock_hz, cycles = record.get("clock_hz"), record["cycles"]
    timed = cycles is not None
    detail = ", ".join(filter(None, [_versions(record, "tinydet"), record["server"]]))
    to.mcu.append(
        TimeFigures(
            subject,
            str(record.get("board") or record["core"]),
            "1 CPU",
            Source(Origin.BOARD if timed else Origin.UNTIMED, detail),
            clock_mhz=None if clock_hz is None else clock_hz / HERTZ_PER_MHZ,
            ms=record.get("ms") if timed else None,
            cycles=cycles,
            stack_bytes=record["stack_bytes"],
        )
    )
    _estimate(to, subject, record)


def _linux(to: Benchmarks, subject: Subject, record: Record) -> None:
    machine = record["machine"]
    board = machine.get("model") or record["board"]
    clocks = record.get("after", {}).get("clocks_mhz") or ()
    runs = [(f"{record['threads']} thread, tinydet C", record["network_ms"], None)]
    for row in record.get("tflite", ()):
        engine = f"{row['threads']} threads, {row['runtime']} {row['version']}".strip()
        if row["delegate"]:
            engine = f"{Path(row['delegate']).name}, {row['runtime']} {row['version']}".strip()
        runs.append((engine, row["network_ms"], row["mean_ms"]))
    for engine, spread, mean_ms in runs:
        if spread is None and mean_ms is None:
            continue  # it failed
        to.mpu.append(
            TimeFigures(
                subject,
                f"{board} ({machine['cores']} x {machine['cpu']})",
                engine,
                Source(Origin.LINUX, str(record.get("kernel") or "")),
                clock_mhz=max(clocks) if clocks else None,
                ms=spread["median"] if spread else mean_ms,
                spread_ms=(spread["p05"], spread["p95"]) if spread else None,
            )
        )


def _stedgeai(to: Benchmarks, subject: Subject, record: Record) -> None:
    source = Source(Origin.STEDGEAI, str(record.get("tool") or ""))
    to.memory.append(
        MemoryFigures(
            subject,
            record["target"],
            record["activations_bytes"],
            record["runtime_ram_bytes"],
            record["weights_bytes"],
            record["code_flash_bytes"],
            source,
        )
    )


def _evaluation(to: Benchmarks, subject: Subject, record: Record) -> None:
    model, data = record["model"], record["data"]
    ap = {iou: _percent(at["mean"]) for iou, at in record["ap"].items()}
    to.accuracy.append(
        AccuracyFigures(
            subject,
            model["kind"],
            f"{Path(data['path']).name}, {data['images']} images",
            ap,
            _percent(record.get("coco", {}).get("ap")),
            Source(Origin.EVALUATED, f"engine {record['settings'].get('engine', 'unknown')}"),
        )
    )


@dataclass(frozen=True)
class _Kind:
    """A kind of record: the keys that only it has, and what becomes of it."""

    keys: tuple[str, ...]
    read: Callable[[Benchmarks, Subject, Record], None]

    def recognise(self, record: Record) -> bool:
        return all(key in record for key in self.keys)


KINDS = (
    _Kind(("arena_bytes", "weights_bytes", "code_bytes"), _footprint),
    _Kind(("network_instructions", "steps"), _instructions),
    _Kind(("server", "cycles"), _board),
    _Kind(("machine", "network_ms"), _linux),
    _Kind(("tool", "activations_bytes"), _stedgeai),
    _Kind(("ap", "settings", "data"), _evaluation),
)


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            path, f"cannot be read as JSON ({error})", "Run the command that writes it again."
        ) from None
    if not isinstance(record, dict):
        raise DataError(
            path, "does not contain a JSON object", "Give a record that a command wrote."
        )
    spec = _spec_near(path, record)
    return {
        "path": str(path),
        **({"detector": spec.model_dump(mode="json")} if spec else {}),
        **record,
    }


def _spec_near(path: Path, record: Record) -> DetectorSpec | None:
    model = record.get("model")
    model_path = model.get("path") if isinstance(model, Mapping) else model
    folders = [path.parent, *([Path(model_path).parent] if isinstance(model_path, str) else [])]
    for folder in folders:
        try:
            return load_detector_spec(folder / DETECTOR_FILE)
        except ModelFileError:
            continue
    return None


def _subject(record: Record) -> Subject:
    model = record.get("model")
    name = model.get("name") if isinstance(model, Mapping) else Path(str(model or "")).name
    detector = record.get("detector")
    if not isinstance(detector, Mapping):
        return Subject(str(name or "model"))
    spec = DetectorSpec.model_validate(detector)
    names = spec.class_names
    classes = ", ".join(names) if len(names) <= MAX_NAMED_CLASSES else f"{len(names)} classes"
    return Subject(str(name or "model"), spec.input_size, spec.alpha, classes)


def _versions(record: Record, *packages: str) -> str:
    versions = record.get("versions") or {}
    return ", ".join(f"{p} {versions[p]}" for p in packages if versions.get(p))


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
