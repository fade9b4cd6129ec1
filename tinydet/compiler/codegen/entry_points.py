"""The functions of the C file: running the network, its outputs, the boxes."""

from tinydet.compiler.codegen.model import C_TYPES, DetectorPart, GeneratedModel
from tinydet.compiler.codegen.network import NetworkCode
from tinydet.compiler.codegen.segments import INDENT, SegmentCode, joined_names, segment_codes
from tinydet.compiler.memory import Plan

COPY_KERNEL = "td_concat_s8"

_RUN_IMAGE = """\
{input_type} *{name}_input(void *arena) {{
    uint8_t *const bytes = (uint8_t *)arena;
    return ({input_type} *)(void *)(bytes + {input_offset});
}}

void {name}_run(void *arena) {{
    uint8_t *const bytes = (uint8_t *)arena;
{statements}}}
"""
_RUN_CALLER = """\
void {name}_run(const {input_type} *input, void *arena) {{
    uint8_t *const bytes = (uint8_t *)arena;
{statements}}}
"""
_RUN_FIRST = """\
/* Iterations [begin, end) of what runs while the rows come. */
static void run_first(uint8_t *bytes, int32_t begin, int32_t end) {{
    for (int32_t t = begin; t < end; t++) {{
{statements}    }}
}}

"""
_RUN_ROWS = """\
{run_first}static int32_t *rows_fed(void *arena) {{
    return (int32_t *)(void *)((uint8_t *)arena + {state_offset});
}}

void {name}_begin(void *arena) {{
    *rows_fed(arena) = 0;
{run_before}}}

int {name}_feed_rows(void *arena, const {input_type} *rows, int count) {{
    uint8_t *const bytes = (uint8_t *)arena;
    int32_t y = *rows_fed(arena);
    for (; count > 0 && y < {height}; count--) {{
        int8_t *const slot = TD_S8({input_offset} + y % {ring} * {row_bytes});
        {copy_kernel}(&copy_input, (const int8_t *)rows, slot);
{run_row}        rows += {row_elements};
        y++;
    }}
    *rows_fed(arena) = y;
    return (int)({height} - y);
}}

int {name}_run_rest(void *arena) {{
    uint8_t *const bytes = (uint8_t *)arena;
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
    uint8_t *const bytes = (uint8_t *)arena;
    return (int)td_find_boxes(&boxes, {name}_scores(arena), {name}_deltas(arena),
                              (uint32_t *)(void *)(bytes + {output_scratch}), out, capacity);
}}

"""
_DETECT_IMAGE = """\
int {name}_detect(const uint8_t *rgb, void *arena, td_detection *out, int capacity) {{
    uint8_t *const bytes = (uint8_t *)arena;
    if (rgb != 0) {{
        {copy_kernel}(&copy_input, (const int8_t *)rgb, TD_S8({input_offset}));
    }}
    {name}_run(arena);
    return find_boxes(arena, out, capacity);
}}

int32_t {name}_preprocess(const td_image *source, void *arena) {{
    uint8_t *const bytes = (uint8_t *)arena;
    return td_preprocess(&preprocess, source, bytes + {input_scratch}, TD_U8({input_offset}));
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


def copied_bytes(model: GeneratedModel) -> int:
    """Bytes of the input that are copied into the arena at a time."""
    if model.input_mode == "rows":
        return model.plan.schedule.flow.parts[0].row_bytes
    return model.input.size_bytes


def network_functions(model: GeneratedModel, network: NetworkCode) -> list[str]:
    """The functions that run the network on its input."""
    names = _names(model)
    segments = segment_codes(model.plan, network)
    if model.input_mode == "image":
        return [_RUN_IMAGE.format(**names, statements=_body(model.plan, segments, 0))]
    if model.input_mode == "caller":
        return [_RUN_CALLER.format(**names, statements=_body(model.plan, segments, 0))]
    return [
        _RUN_ROWS.format(
            **names,
            **_row_names(model.plan, segments[0]),
            statements=_body(model.plan, segments, 1),
        )
    ]


def output_functions(model: GeneratedModel) -> list[str]:
    """The functions that tell where the outputs lie."""
    functions, offsets = [], model.plan.tensor_offsets
    for index, (output, tensor) in zip(model.graph.outputs, model.outputs(), strict=True):
        c_type = f"const {C_TYPES[tensor.dtype]} *"
        functions.append(
            f"{c_type}{model.name}_{output}(const void *arena) {{\n"
            f"    const uint8_t *const bytes = (const uint8_t *)arena;\n"
            f"    return ({c_type})(const void *)(bytes + {offsets[index]});\n}}\n"
        )
    return functions


def detector_functions(model: GeneratedModel, detector: DetectorPart) -> str:
    """The functions that find the boxes."""
    flow = model.plan.schedule.flow
    output_scratch = model.plan.scratch(flow.steps[-1].number)
    if output_scratch is None or output_scratch[1] < 4 * detector.max_candidates:
        raise ValueError("the plan has no scratch memory for the boxes")
    names = _names(model) | {
        "output_scratch": output_scratch[0],
        "input_scratch": (model.plan.scratch(0) or (0, 0))[0],
    }
    detect = {
        "image": _DETECT_IMAGE,
        "caller": _DETECT_CALLER,
        "rows": _FINISH_ROWS + _DETECT_CALLER,
    }[model.input_mode]
    return (_BOXES + detect).format(**names)


def _names(model: GeneratedModel) -> dict[str, object]:
    return {
        "name": model.name,
        "input_type": C_TYPES[model.input.dtype],
        "input_offset": model.plan.tensor_offsets.get(model.graph.inputs[0], 0),
        "copy_kernel": COPY_KERNEL,
    }


def _row_names(plan: Plan, first: SegmentCode) -> dict[str, object]:
    """What goes along with the rows; nothing does where they are only put into the arena."""
    flow = plan.schedule.flow
    part, pace = flow.parts[0], plan.schedule.segments[0].paces[0]
    tensor = flow.graph.tensors[part.tensor]
    lag, every = pace.lag, pace.every
    runs = {"run_first": "", "run_before": "", "run_row": "", "run_behind": ""}
    if first.is_loop:
        due = f"{lag} + y * {every}, {lag} + (y + 1) * {every}"
        end = lag + part.rows * every
        runs = {
            "run_first": _RUN_FIRST.format(statements=_lines(first.statements, 2)),
            "run_before": f"    run_first((uint8_t *)arena, 0, {lag});\n" if lag else "",
            "run_row": f"        run_first(bytes, {due});\n",
            "run_behind": f"    run_first(bytes, {end}, {first.iterations});\n",
        }
    return runs | {
        "state_offset": plan.state[0] if plan.state else 0,
        "height": part.rows,
        "ring": plan.schedule.ring_rows(part.tensor),
        "row_bytes": part.row_bytes,
        "row_elements": tensor.num_elements // part.rows,
    }


def _body(plan: Plan, segments: list[SegmentCode], first: int) -> str:
    """Segments from one on, each followed by the names of what then is complete without a call."""
    flow, lines = plan.schedule.flow, []
    for number, segment in enumerate(plan.schedule.segments):
        if number >= first:
            lines += segments[number].text()
        if number + 1 < len(plan.schedule.segments):
            following = flow.steps[segment.end].number
            lines += joined_names(plan, flow.steps[segment.begin].number, following)
    return _lines(lines, 1)


def _lines(lines: list[str] | tuple[str, ...], depth: int) -> str:
    return "".join(f"{INDENT * depth}{line}\n" for line in lines)
