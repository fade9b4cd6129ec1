/* What the page calls: an image as a browser holds it in, detections out. One image at a time. */
#include "td_conv_sums.h"

#include TD_MODEL_HEADER

#define PAGE_CALLS(name) __attribute__((export_name(#name)))

enum { RGB = 3, RGBA = 4 };

static _Alignas(TD_MODEL_MACRO(ARENA_ALIGNMENT)) uint8_t arena[TD_MODEL_MACRO(ARENA_BYTES)];
static td_detection detections[TD_MODEL_MACRO(MAX_DETECTIONS)];

PAGE_CALLS(is_opaque) int32_t is_opaque(const uint8_t *rgba, int32_t num_pixels);
PAGE_CALLS(scale) int32_t scale(uint8_t *rgba, int32_t height, int32_t width);
PAGE_CALLS(detect) int32_t detect(int32_t height, int32_t width);
PAGE_CALLS(found) const td_detection *found(void);

/* The sums of convolutions: those of this module, or others that give the same, as places in the table of functions. */
typedef void sums_function(const int8_t *in, const tile_weights *tile, int32_t fours, tile_sums *sums);
PAGE_CALLS(sums_of_module) sums_function *sums_of_module(void);
PAGE_CALLS(use_sums) void use_sums(sums_function *function);

/* Whether every pixel shows its own colour only. */
int32_t is_opaque(const uint8_t *rgba, int32_t num_pixels) {
    uint8_t all = 255;
    for (int32_t i = 0; i < num_pixels; i++) {
        all &= rgba[RGBA * i + RGB];
    }
    return all == 255;
}

/* Make the network's input of pixels [height][width][4], which are overwritten. Returns
 * TD_PREPROCESS_OK or what td_preprocess.h says. */
int32_t scale(uint8_t *rgba, int32_t height, int32_t width) {
    for (int32_t i = 0; i < height * width; i++) {
        rgba[RGB * i] = rgba[RGBA * i];
        rgba[RGB * i + 1] = rgba[RGBA * i + 1];
        rgba[RGB * i + 2] = rgba[RGBA * i + 2];
    }
    const td_image source = {rgba, height, width, RGB * width, TD_RGB888};
    return TD_MODEL(preprocess)(&source, arena);
}

/* Find the objects in the image that was scaled last, which had this size; returns their number. */
int32_t detect(int32_t height, int32_t width) {
    /* Boxes come back from where the image lies in the input; how it was scaled does not matter. */
    const td_preprocess_params params = {TD_MODEL_MACRO(INPUT_HEIGHT), TD_MODEL_MACRO(INPUT_WIDTH),
                                         TD_NEAREST, TD_WEB_ASPECT_RATIO, TD_COLOR_RGB};
    const int count = TD_MODEL(detect)(0, arena, detections, TD_MODEL_MACRO(MAX_DETECTIONS));
    return td_boxes_to_image(&params, height, width, detections, count);
}

/* Where the objects are. */
const td_detection *found(void) { return detections; }

static void sums_here(const int8_t *in, const tile_weights *tile, int32_t fours, tile_sums *sums) {
    conv_tile_sums_here(in, tile, fours, sums);
}

static sums_function *used_sums = sums_here;

sums_function *sums_of_module(void) { return sums_here; }

void use_sums(sums_function *function) { used_sums = function; }

void page_sums(const int8_t *in, const tile_weights *tile, int32_t fours, tile_sums *sums) {
    used_sums(in, tile, fours, sums);
}
