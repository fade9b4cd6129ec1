"""The header of a generated network: all that its user sees."""

from tinydet.compiler.codegen import c_text
from tinydet.compiler.codegen.model import C_TYPES, GeneratedModel
from tinydet.compiler.codegen.places import dimensions
from tinydet.compiler.ir import Tensor

ARENA_ALIGNMENT = 16

DETECTOR_INCLUDES = ('#include "td_boxes.h"',)
SSD_INCLUDES = ('#include "td_ssd_boxes.h"',)
CAMERA_INCLUDES = ('#include "td_placement.h"', '#include "td_preprocess.h"')
_DETECTOR_MACROS = """\
#define {macro}_NUM_CLASSES {num_classes} /* without the background */
#define {macro}_NUM_ANCHORS {num_anchors}
#define {macro}_MAX_DETECTIONS {max_detections}

/* real value = SCALE * (code - ZERO_POINT) */
#define {macro}_SCORES_SCALE {scores_scale}
#define {macro}_SCORES_ZERO_POINT ({scores_zero_point})
#define {macro}_DELTAS_SCALE {deltas_scale}
#define {macro}_DELTAS_ZERO_POINT ({deltas_zero_point})

"""
_ARENA = """\
/* An arena has {macro}_ARENA_BYTES and starts on a multiple of {macro}_ARENA_ALIGNMENT bytes; it
 * belongs to the caller and keeps nothing between two runs. An array of uint8_t will do: wider
 * words in it are accessed through types that may alias (td_arena.h). */

"""
_RUN_IMAGE = """\
/* Where the input {input_shape} goes. */
{input_type} *{name}_input(void *arena);

/* Run the network on what lies at {name}_input(arena); the input may be overwritten. */
void {name}_run(void *arena);

"""
_RUN_CALLER = """\
/* Run the network on the input {input_shape}, which stays where it is and is not written to. */
void {name}_run(const {input_type} *input, void *arena);

"""
_RUN_ROWS = """\
/* The input {input_shape} comes row by row: begin, feed all rows, then run the rest. The network
 * goes along with the rows, and keeps what it needs of them in the arena. */
void {name}_begin(void *arena);

/* Feed the next rows of the input, as many at a time as you like. Returns how many are still
 * missing; more than are missing are not read. */
int {name}_feed_rows(void *arena, const {input_type} *rows, int count);

/* What is left to run after the last row. Returns 0, or -1 if rows are missing. */
int {name}_run_rest(void *arena);

/* All of that on an input that lies in memory as a whole. */
void {name}_run(const {input_type} *input, void *arena);

"""
_RUN = {"image": _RUN_IMAGE, "caller": _RUN_CALLER, "rows": _RUN_ROWS}
_OUTPUTS = """\
/* After {name}_run: scores [NUM_ANCHORS]{scores_row}, and
 * {deltas_row}, both int8. */
const int8_t *{name}_scores(const void *arena);
const int8_t *{name}_deltas(const void *arena);

"""
_PREPROCESS = """\
/* Scale a camera image of any size to the network's input, as in training. The source must not
 * lie in the arena. Returns TD_PREPROCESS_OK or what td_preprocess.h says. */
int32_t {name}_preprocess(const td_image *source, void *arena);

"""
_DETECT = """\
/* Find the objects of one image.
 *
{rgb}
 * out:      [capacity]; the best first; boxes are fractions of the network's input
 * capacity: most objects to give, at most {macro}_MAX_DETECTIONS are
 *
 * Returns their number. */
int {name}_detect(const uint8_t *rgb, void *arena, td_detection *out, int capacity);

"""
_RGB_IN_ARENA = """\
 * rgb:      pixels [INPUT_HEIGHT][INPUT_WIDTH][3] as {name}_preprocess makes them, or NULL if they
 *           lie at {name}_input(arena) already"""
_RGB_OF_CALLER = """\
 * rgb:      pixels [INPUT_HEIGHT][INPUT_WIDTH][3]; they are only read"""
_DETECT_IMAGE = """\
/* The same for a camera image of any size: {name}_preprocess, then {name}_detect; boxes are
 * fractions of that image. Returns the number of objects, or what is negative in
 * td_preprocess.h. */
int {name}_detect_image(const td_image *source, void *arena, td_detection *out, int capacity);

"""
_FINISH = """\
/* After the last row: {name}_run_rest, and the objects as {name}_detect gives them. Returns their
 * number, or -1 if rows are missing. */
int {name}_finish(void *arena, td_detection *out, int capacity);

"""
_CLASS_NAMES = """\
/* Names of the classes, [NUM_CLASSES], UTF-8. */
extern const char *const {name}_class_names[{macro}_NUM_CLASSES];

"""
_TRACE = """\
#ifdef TD_TRACE
/* Yours to define; called with the name of an operator and the rows of its output that are now
 * computed, from the first to the last, in one or more calls. */
void td_trace(const char *op, const void *output, int32_t output_bytes);
#endif

"""


def header_text(model: GeneratedModel) -> str:
    """``NAME.h``.

    Args:
        model: The network, with the boxes or without.
    """
    names = _names(model)
    lines = [
        c_text.generated(f"{model.name}.h", model.origin),
        f"#ifndef {model.macro}_H",
        f"#define {model.macro}_H",
        "",
        "#include <stdint.h>",
        "",
        *_includes(model),
        *_size_macros(model),
    ]
    head = "\n".join(lines) + "\n"
    body = (_ARENA + _RUN[model.input_mode]).format(**names)
    if model.detector is None:
        macros = _code_macros(model)
        body += "".join(_output_function(model, *output) for output in model.outputs())
    else:
        macros = _DETECTOR_MACROS.format(**names)
        body += _detector_functions(model)
    opening = '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
    closing = "#ifdef __cplusplus\n}\n#endif\n\n"
    return f"{head}{macros}{opening}{body}{_TRACE}{closing}#endif\n"


def _code_macros(model: GeneratedModel) -> str:
    """Bytes and codes of the input and of all outputs."""
    lines = ["", "/* real value = SCALE * (code - ZERO_POINT) */"]
    for what, tensor in (("input", model.input), *model.outputs()):
        macros: list[tuple[str, object]] = [("BYTES", tensor.size_bytes)]
        if tensor.quantization is not None:
            scale = c_text.float32(tensor.scale)
            macros += [("SCALE", scale), ("ZERO_POINT", f"({tensor.zero_point})")]
        lines += [f"#define {model.macro}_{what.upper()}_{name} {value}" for name, value in macros]
    return "\n".join(lines) + "\n\n"


def _output_function(model: GeneratedModel, output: str, tensor: Tensor) -> str:
    what = f"After {model.name}_run: output {dimensions(tensor)}, {tensor.name!r} in the model."
    return (
        f"{c_text.comment(what)}\n"
        f"const {C_TYPES[tensor.dtype]} *{model.name}_{output}(const void *arena);\n\n"
    )


def _includes(model: GeneratedModel) -> list[str]:
    if model.detector is None:
        return []
    camera = CAMERA_INCLUDES if model.input_mode == "image" else ()
    boxes = DETECTOR_INCLUDES if model.detector.post_processing is None else SSD_INCLUDES
    return [*boxes, *camera, ""]


def _detector_functions(model: GeneratedModel) -> str:
    """Outputs and boxes; camera images only where the input lies in the arena as a whole."""
    names = _names(model)
    in_arena = model.input_mode == "image"
    rgb = (_RGB_IN_ARENA if in_arena else _RGB_OF_CALLER).format(**names)
    parts = [
        _OUTPUTS,
        _PREPROCESS if in_arena else "",
        _DETECT,
        _DETECT_IMAGE if in_arena else "",
        _FINISH if model.input_mode == "rows" else "",
        _CLASS_NAMES,
    ]
    return "".join(parts).format(rgb=rgb, **names)


def _names(model: GeneratedModel) -> dict[str, str | int]:
    """Names and numbers that the templates use."""
    names: dict[str, str | int] = {
        "name": model.name,
        "macro": model.macro,
        "input_type": C_TYPES[model.input.dtype],
        "input_shape": dimensions(model.input),
    }
    if model.detector is not None:
        scores, deltas = model.output_tensor(0), model.output_tensor(1)
        names |= {
            "scores_row": "[1 + NUM_CLASSES], background first"
            if model.background
            else "[NUM_CLASSES]",
            "deltas_row": "box deltas [NUM_ANCHORS][4]"
            if model.detector.post_processing is None
            else "box codes [NUM_ANCHORS][4] (y, x, h, w)",
            "num_classes": model.detector.spec.num_classes,
            "num_anchors": len(model.detector.anchors),
            "max_detections": model.detector.spec.postprocess.max_detections,
            "scores_scale": c_text.float32(scores.scale),
            "scores_zero_point": scores.zero_point,
            "deltas_scale": c_text.float32(deltas.scale),
            "deltas_zero_point": deltas.zero_point,
        }
    return names


def _size_macros(model: GeneratedModel) -> list[str]:
    shape = model.input.shape
    sizes = [("INPUT_HEIGHT", shape[1]), ("INPUT_WIDTH", shape[2])] if len(shape) == 4 else []
    sizes += [("ARENA_BYTES", model.plan.arena_bytes), ("ARENA_ALIGNMENT", ARENA_ALIGNMENT)]
    return [f"#define {model.macro}_{what} {value}" for what, value in sizes]
