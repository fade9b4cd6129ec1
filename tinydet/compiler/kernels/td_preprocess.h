/* From a camera image of any size to the network's input, in 32-bit integers.
 *
 * Gives exactly the bytes of tinydet/data/preprocess.py (placement, resampling, colour mode) on
 * the RGB image of the same bytes. The formulas stand there and in docs/numerics.md.
 *
 * The source comes row by row, from a frame in memory (td_preprocess) or as the camera delivers
 * it (td_preprocess_begin, then td_preprocess_row for each row), so that no second image is ever
 * needed: a source row may be overwritten as soon as td_preprocess_row returns. With crop and
 * padding td_boxes_to_image (td_placement.h) brings the boxes back to the image.
 *
 * Memory: TD_PREPROCESS_SCRATCH_BYTES(width) besides the output; nothing for nearest.
 */
#ifndef TD_PREPROCESS_H
#define TD_PREPROCESS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch in bytes for a network input of this width, for each kind of resampling; aligned to 4. */
#define TD_PREPROCESS_SCRATCH_BYTES_NEAREST(width) 0
#define TD_PREPROCESS_SCRATCH_BYTES_BILINEAR(width) (12 * (width))
#define TD_PREPROCESS_SCRATCH_BYTES_AREA(width) (24 * (width))
#define TD_PREPROCESS_SCRATCH_BYTES(width) TD_PREPROCESS_SCRATCH_BYTES_AREA(width) /* any kind */

/* Limits that keep every number inside 32 bits. */
#define TD_MAX_SOURCE_SIDE 16383
#define TD_MAX_INPUT_SIDE 511
#define TD_MAX_AREA_PIXELS 16777216 /* area only: rows * columns of the placed part */

/* The bytes of a source row, first pixel first. */
typedef enum {
    TD_RGB888,    /* r, g, b */
    TD_RGB565,    /* 16-bit little-endian word: r 5 bits (high), g 6, b 5 */
    TD_RGB565_BE, /* the same word, high byte first */
    TD_YUYV,      /* y0, u, y1, v for two pixels; even width */
    TD_UYVY,      /* u, y0, v, y1 for two pixels; even width */
    TD_GRAY8      /* one byte a pixel */
} td_pixel_format;

typedef enum { TD_NEAREST, TD_BILINEAR, TD_AREA } td_interpolation;
typedef enum { TD_FIT, TD_CROP, TD_PADDING } td_aspect_ratio;
typedef enum { TD_COLOR_RGB, TD_COLOR_BGR, TD_COLOR_GRAYSCALE } td_color_mode;

/* How the network wants its input; from detector.json, written by the generator. */
typedef struct {
    int32_t height, width; /* of the network input, pixels */
    td_interpolation interpolation;
    td_aspect_ratio aspect_ratio;
    td_color_mode color_mode;
} td_preprocess_params;

/* A source image. */
typedef struct {
    const uint8_t *pixels;  /* first row; not read by td_preprocess_begin */
    int32_t height, width;  /* pixels */
    int32_t row_step_bytes; /* from one row to the next; not read by td_preprocess_begin */
    td_pixel_format format;
} td_image;

/* Which part of the source lands on which part of the network input, all in pixels: see
 * td_placement.h. */
typedef struct {
    int32_t source_top, source_left, source_height, source_width;
    int32_t top, left, height, width;
} td_placement;

/* An image on its way; set up by td_preprocess_begin. Fields are private. */
typedef struct {
    td_preprocess_params params;
    td_placement placement;
    td_pixel_format format;
    int32_t source_row; /* the next one to come */
    int32_t output_row; /* the next one to finish, counted in the placed part */
    void *scratch;
    uint8_t *output;
} td_preprocess_state;

/* What td_preprocess and td_preprocess_begin return. */
#define TD_PREPROCESS_OK 0
#define TD_PREPROCESS_BAD_SIZE (-1)   /* a side is < 1, beyond the limits or odd with YUV */
#define TD_PREPROCESS_BAD_PARAMS (-2) /* an enumeration has another value than those above */

/* Make the network input from an image in memory.
 *
 * scratch: see TD_PREPROCESS_SCRATCH_BYTES; must not overlap source or output
 * output:  [height][width][3] uint8 as NAME_input() returns it; must not overlap the source
 */
int32_t td_preprocess(const td_preprocess_params *params, const td_image *source, void *scratch,
                      uint8_t *output);

/* Start an image whose rows come one after the other. Fills the padding at once. */
int32_t td_preprocess_begin(td_preprocess_state *state, const td_preprocess_params *params,
                            const td_image *source, void *scratch, uint8_t *output);

/* Take the next row of the source, top to bottom; all rows must be given once, further ones are
 * ignored. Returns whether the output is complete (1) or not (0): with crop it may be complete
 * before the last row. */
int32_t td_preprocess_row(td_preprocess_state *state, const uint8_t *row);

#ifdef __cplusplus
}
#endif

#endif
