"""NAME.c: the functions that run a network and find the boxes."""

from tinydet.compiler.codegen import c_text
from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.codegen.detection import (
    boxes_structure,
    preprocess_structure,
    ssd_boxes_structure,
)
from tinydet.compiler.codegen.model import C_TYPES, DetectorPart, GeneratedModel
from tinydet.compiler.codegen.movement import COPY_KERNEL, copy_parameters
from tinydet.compiler.codegen.network import INDENT, NetworkCode, SegmentCode, pointer
from tinydet.compiler.codegen.places import INPUT, Places
from tinydet.compiler.ir.graph import BYTES_PER_ELEMENT
from tinydet.compiler.memory import Plan

_ABOUT = """\
/* {name}_run calls one kernel after the other. Steps that work row by row run together in a loop,
 * so that only a few rows of what lies between them are kept: row y of a ring of R rows at y % R.
 * Constants, and the parameters of each step, are in {name}_weights.c. */
#include "{name}.h"
#include "{name}_weights.h"
"""
_MACROS = """\
/* Whether a step computes a row now. Its first one comes when `behind` is 0, then one every so many
 * iterations; before, `behind` is a very large number. */
#define TD_HAS_ROW(behind, every, rows) \\
    ((uint32_t)(behind) < (uint32_t)((every) * (rows)) && (uint32_t)(behind) % (every) == 0)

/* Tells a test what a step has computed. */
#ifdef TD_TRACE
#define TD_DONE(step, output, size) td_trace({name}_operators[step], output, size)
#else
#define TD_DONE(step, output, size) ((void)0)
#endif
"""
_RUN_IMAGE = """\
{input_type} *{name}_input(void *arena) {{
    int8_t *const bytes = (int8_t *)arena;
    return {input};
}}

void {name}_run(void *arena) {{
    int8_t *const bytes = (int8_t *)arena;
{statements}}}
"""
_RUN_CALLER = """\
void {name}_run(const {input_type} *input, void *arena) {{
    int8_t *const bytes = (int8_t *)arena;
{statements}}}
"""
_RUN_FIRST = """\
/* Iterations [begin, end) of what runs while the rows come. */
static void run_first(int8_t *bytes, int32_t begin, int32_t end) {{
    for (int32_t t = begin; t < end; t++) {{
{statements}    }}
}}

"""
_RUN_ROWS = """\
{run_first}static td_arena_s32 *rows_fed(void *arena) {{
    return (td_arena_s32 *)(void *)((int8_t *)arena + ROWS_FED);
}}

void {name}_begin(void *arena) {{
    *rows_fed(arena) = 0;
{run_before}}}

int {name}_feed_rows(void *arena, const {input_type} *rows, int count) {{
    int8_t *const bytes = (int8_t *)arena;
    int32_t y = *rows_fed(arena);
    for (; count > 0 && y < {height}; count--) {{
        int8_t *const slot = bytes + INPUT + y % {ring} * {row_bytes};
        {copy_kernel}(&copy_input, (const int8_t *)rows, slot);
{run_row}        rows += {row_elements};
        y++;
    }}
    *rows_fed(arena) = y;
    return (int)({height} - y);
}}

int {name}_run_rest(void *arena) {{
    int8_t *const bytes = (int8_t *)arena;
    if (*rows_fed(arena) != {height}) {{
        return -1;
    }}
{run_behind}{statements}    return 0;
}}

void {name}_run(const {input_type} *input, void *arena) {{
    {name}_begin(arena);
    (void){name}_feed_rows(arena, input, {height});
    (void){name}_run_rest(arena);
}}
"""
_BOXES = """\
static int find_boxes(void *arena, td_detection *out, int capacity) {{
    int8_t *const bytes = (int8_t *)arena;
    return (int){find_boxes}(&boxes, {name}_scores(arena), {name}_deltas(arena),
                              (td_arena_u32 *)(void *)(bytes + SCRATCH_BOXES), out, capacity);
}}

"""
_VOTED_BOXES = """\
static int find_boxes(void *arena, td_detection *out, int capacity) {{
    td_arena_u32 *const scratch = (td_arena_u32 *)(void *)((int8_t *)arena + SCRATCH_BOXES);
    const int8_t *const scores = {name}_scores(arena);
    const int8_t *const deltas = {name}_deltas(arena);
    const int32_t count = {find_boxes}(&boxes, scores, deltas, scratch, out, capacity);
    td_vote_boxes(&boxes, {voting_iou}, scores, deltas, scratch, out, count);
    return (int)count;
}}

"""
_DETECT_IMAGE = """\
int {name}_detect(const uint8_t *rgb, void *arena, td_detection *out, int capacity) {{
    int8_t *const bytes = (int8_t *)arena;
    if (rgb != 0) {{
        {copy_kernel}(&copy_input, (const int8_t *)rgb, bytes + INPUT);
    }}
    {name}_run(arena);
    return find_boxes(arena, out, capacity);
}}

int32_t {name}_preprocess(const td_image *source, void *arena) {{
    int8_t *const bytes = (int8_t *)arena;
    return td_preprocess(&preprocess, source, {input_scratch}, {input});
}}

int {name}_detect_image(const td_image *source, void *arena, td_detection *out, int capacity) {{
    const int32_t status = {name}_preprocess(source, arena);
    if (status != TD_PREPROCESS_OK) {{
        return (int)status;
    }}
    const int count = {name}_detect(0, arena, out, capacity);
    return (int)td_boxes_to_image(&preprocess, source->height, source->width, out, count);
}}
"""
_DETECT_CALLER = """\
int {name}_detect(const uint8_t *rgb, void *arena, td_detection *out, int capacity) {{
    {name}_run(rgb, arena);
    return find_boxes(arena, out, capacity);
}}
"""
_FINISH_ROWS = """\
int {name}_finish(void *arena, td_detection *out, int capacity) {{
    return {name}_run_rest(arena) < 0 ? -1 : find_boxes(arena, out, capacity);
}}

"""


def source_text(
    model: GeneratedModel, network: NetworkCode, places: Places, constants: Constants
) -> tuple[str, frozenset[str]]:
    """NAME.c.

    Args:
        model: The network, with the boxes or without.
        network: Its steps in C.
        places: Names of the bytes of its arena.
        constants: Where the tables of the anchors go.

    Returns:
        The text, and the names of the kernels it calls.
    """
    names = {
        "name": model.name,
        "input_type": C_TYPES[model.input.dtype],
        "input": pointer(model.input.dtype, INPUT),
        "copy_kernel": COPY_KERNEL,
    }
    head = c_text.generated(f"{model.name}.c", model.origin) + "\n"
    about = _ABOUT.format(**names)
    if model.detector is not None and model.detector.voting_iou is not None:
        about += '#include "td_box_voting.h"\n'
    parts = [head + about, places.text(), _MACROS.format(**names)]
    kernels = set(network.kernels)
    if model.copies_input:
        size = _copied_bytes(model)
        struct = copy_parameters(1, size, size, 0)
        parts.append(c_text.structure(struct, "copy_input", "static "))
        kernels.add(COPY_KERNEL)
    if model.detector is not None:
        parts += _detector_tables(model, model.detector, constants)
    parts.append(_run_functions(model, network, names))
    parts += _output_functions(model, places)
    if model.detector is not None:
        parts.append(_detector_functions(model, model.detector, places, names))
        kernels |= detector_kernels(model.detector)
        if model.input_mode == "image":
            kernels |= {"td_preprocess", "td_boxes_to_image"}
    return "\n".join(parts), frozenset(kernels)


def _copied_bytes(model: GeneratedModel) -> int:
    """Bytes of the input that are copied into the arena at a time."""
    if model.input_mode == "rows":
        return model.plan.schedule.flow.parts[0].row_bytes
    return model.input.size_bytes


def _detector_tables(
    model: GeneratedModel, detector: DetectorPart, constants: Constants
) -> list[str]:
    outputs = model.output_tensor(0), model.output_tensor(1)
    told = detector.anchors, detector.spec.postprocess, detector.max_candidates
    if detector.post_processing is None:
        boxes = boxes_structure(outputs, *told, constants)
    else:
        boxes = ssd_boxes_structure(outputs, *told, detector.post_processing, constants)
    names = ",\n".join(f"    {c_text.string(name)}" for name in detector.spec.class_names)
    tables = [
        c_text.structure(boxes, "boxes", "static "),
        f"const char *const {model.name}_class_names[{model.macro}_NUM_CLASSES] = "
        f"{{\n{names},\n}};\n",
    ]
    if model.input_mode == "image":
        struct = preprocess_structure(detector.spec.preprocess)
        tables.insert(0, c_text.structure(struct, "preprocess", "static "))
    return tables


def _run_functions(model: GeneratedModel, network: NetworkCode, names: dict[str, str]) -> str:
    segments = network.segments()
    if model.input_mode != "rows":
        template = _RUN_IMAGE if model.input_mode == "image" else _RUN_CALLER
        statements = [line for segment in segments for line in segment.text()]
        return template.format(**names, statements=_lines(statements, 1))
    statements = [*segments[0].behind, *(line for s in segments[1:] for line in s.text())]
    row_names = _row_names(model.plan, segments[0])
    return _RUN_ROWS.format(**names, **row_names, statements=_lines(statements, 1))


def _row_names(plan: Plan, first: SegmentCode) -> dict[str, object]:
    """What goes along with the rows; nothing does where they are only put into the arena."""
    flow = plan.schedule.flow
    part, pace = flow.parts[0], plan.schedule.segments[0].paces[0]
    tensor = flow.graph.tensors[part.tensor]
    lag, every = pace.lag, pace.every
    runs = {"run_first": "", "run_before": "", "run_row": "", "run_behind": ""}
    if first.iterations:
        due = f"{lag} + y * {every}, {lag} + (y + 1) * {every}"
        end = lag + part.rows * every
        runs = {
            "run_first": _RUN_FIRST.format(statements=_lines(first.statements, 2)),
            "run_before": f"    run_first((int8_t *)arena, 0, {lag});\n" if lag else "",
            "run_row": f"        run_first(bytes, {due});\n",
            "run_behind": f"    run_first(bytes, {end}, {first.iterations});\n",
        }
    return runs | {
        "height": part.rows,
        "ring": plan.schedule.ring_rows(part.tensor),
        "row_bytes": part.row_bytes,
        "row_elements": tensor.num_elements // part.rows,
    }


def _output_functions(model: GeneratedModel, places: Places) -> list[str]:
    """The functions that tell where the outputs lie."""
    functions = []
    for index, (output, tensor) in zip(model.graph.outputs, model.outputs(), strict=True):
        c_type, place = C_TYPES[tensor.dtype], places.tensor(index)
        address = f"(const {c_type} *)arena + {place}"
        if BYTES_PER_ELEMENT[tensor.dtype] > 1:
            address = f"(const {c_type} *)(const void *)((const int8_t *)arena + {place})"
        functions.append(
            f"const {c_type} *{model.name}_{output}(const void *arena) {{\n"
            f"    return {address};\n}}\n"
        )
    return functions


def _detector_functions(
    model: GeneratedModel, detector: DetectorPart, places: Places, names: dict[str, str]
) -> str:
    """The functions that find the boxes."""
    output_scratch = model.plan.scratch(model.plan.schedule.flow.steps[-1].number)
    if output_scratch is None or output_scratch[1] < detector.scratch_bytes:
        raise ValueError("the plan has no scratch memory for the boxes")
    input_scratch = places.scratch(0)
    scratch = "bytes" if input_scratch is None else f"bytes + {input_scratch}"
    detect = {
        "image": _DETECT_IMAGE,
        "caller": _DETECT_CALLER,
        "rows": _FINISH_ROWS + _DETECT_CALLER,
    }[model.input_mode]
    boxes, told = _BOXES, {"find_boxes": _finder(detector)}
    if detector.voting_iou is not None:
        boxes, told["voting_iou"] = _VOTED_BOXES, c_text.float32(detector.voting_iou)
    return (boxes + detect).format(**names, **told, input_scratch=scratch)


def detector_kernels(detector: DetectorPart) -> set[str]:
    """The functions that find the boxes."""
    return {_finder(detector)} | ({"td_vote_boxes"} if detector.voting_iou is not None else set())


def _finder(detector: DetectorPart) -> str:
    return "td_find_boxes" if detector.post_processing is None else "td_find_ssd_boxes"


def _lines(lines: list[str] | tuple[str, ...], depth: int) -> str:
    return "".join(f"{INDENT * depth}{line}\n" for line in lines)
