"""``plan.json``: the plan as a program of another kind can read it."""

from typing import Any

from tinydet.compiler.memory.buffers import live_bytes
from tinydet.compiler.memory.plan import Plan, whole_tensor_peak_bytes
from tinydet.compiler.memory.timeline import step_live_bytes
from tinydet.compiler.schedule import Part


def plan_record(plan: Plan) -> dict[str, Any]:
    """The content of ``plan.json``: every number in bytes, events and steps from 0."""
    live = live_bytes(plan.buffers)
    highest = step_live_bytes(plan.timeline, live)
    return {
        "arena_bytes": plan.arena_bytes,
        "lower_bound_bytes": plan.lower_bound_bytes,
        "whole_tensor_peak_bytes": whole_tensor_peak_bytes(plan.schedule),
        "input": plan.input_mode,
        "segments": _segments(plan),
        "buffers": _buffers(plan),
        "tensors": _tensors(plan),
        "steps": [
            {
                "step": step,
                "name": plan.schedule.step_name(step),
                "live_bytes": highest.get(step),
            }
            for step in range(plan.schedule.num_steps)
        ],
    }


def _segments(plan: Plan) -> list[dict[str, Any]]:
    flow = plan.schedule.flow
    tensors = flow.graph.tensors
    records = []
    for segment in plan.schedule.segments:
        steps = flow.steps[segment.begin : segment.end]
        records.append(
            {
                "iterations": segment.iterations(flow) if segment.is_loop else 1,
                "steps": [
                    {"step": step.number, "rows": step.rows, "lag": pace.lag, "every": pace.every}
                    for step, pace in zip(steps, segment.paces, strict=True)
                ],
                "ring_rows": {
                    tensors[flow.parts[part].tensor].name: rows
                    for part, rows in segment.rings.items()
                },
            }
        )
    return records


def _buffers(plan: Plan) -> list[dict[str, Any]]:
    steps = plan.timeline.event_steps.tolist()
    return [
        {
            "name": buffer.name,
            "kind": buffer.kind,
            "offset": offset,
            "size_bytes": buffer.size_bytes,
            "first_event": buffer.first_event,
            "last_event": buffer.last_event,
            "first_step": steps[buffer.first_event],
            "last_step": steps[buffer.last_event],
        }
        for buffer, offset in zip(plan.buffers, plan.offsets, strict=True)
    ]


def _tensors(plan: Plan) -> list[dict[str, Any]]:
    flow = plan.schedule.flow
    written: dict[int, Part] = {part.tensor: part for part in flow.parts}
    records = []
    for tensor, offset in sorted(plan.tensor_offsets.items()):
        record: dict[str, Any] = {"name": flow.graph.tensors[tensor].name, "offset": offset}
        planar = flow.layouts.get(tensor)
        if tensor in written:
            record |= {
                "rows": written[tensor].rows,
                "row_bytes": written[tensor].row_bytes,
                "ring_rows": plan.schedule.rings.get(tensor, written[tensor].rows),
            }
        if planar is not None:
            record["planar"] = {
                "channels": planar.channels,
                "width": planar.width,
                "pad_left": planar.pad_left,
                "channel_stride": planar.channel_stride,
            }
        records.append(record)
    return records
