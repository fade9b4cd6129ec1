#include "td_placement.h"

static int32_t at_least_1(int32_t value) { return value < 1 ? 1 : value; }

td_placement td_place(int32_t source_height, int32_t source_width,
                      const td_preprocess_params *params) {
    const int32_t h = source_height;
    const int32_t w = source_width;
    const int32_t height = params->height;
    const int32_t width = params->width;
    const int32_t too_wide = w * height > h * width;
    td_placement placed;
    placed.source_height = h;
    placed.source_width = w;
    placed.height = height;
    placed.width = width;
    if (params->aspect_ratio == TD_CROP) {
        if (too_wide) {
            placed.source_width = at_least_1((2 * h * width + height) / (2 * height));
        } else {
            placed.source_height = at_least_1((2 * w * height + width) / (2 * width));
        }
    } else if (params->aspect_ratio == TD_PADDING) {
        if (too_wide) {
            placed.height = at_least_1((2 * h * width + w) / (2 * w));
        } else {
            placed.width = at_least_1((2 * w * height + h) / (2 * h));
        }
    }
    placed.source_top = (h - placed.source_height) / 2;
    placed.source_left = (w - placed.source_width) / 2;
    placed.top = (height - placed.height) / 2;
    placed.left = (width - placed.width) / 2;
    return placed;
}

/* From a fraction of a side of the input to a fraction of that side of the image. */
typedef struct {
    float input_side, first, magnification, shift;
} axis_map;

/* n: side of the image; parts: first pixel and number of pixels. */
static axis_map map_axis(int32_t n, int32_t input_side, const int32_t source_part[2],
                         const int32_t input_part[2]) {
    axis_map map;
    map.input_side = (float)input_side;
    map.first = (float)input_part[0];
    map.magnification = (float)source_part[1] / ((float)input_part[1] * (float)n);
    map.shift = (float)source_part[0] / (float)n;
    return map;
}

/* Clipped: a box may reach into the filling around a letterboxed image. */
static float to_image(const axis_map *map, float fraction) {
    const float moved =
        (fraction * map->input_side - map->first) * map->magnification + map->shift;
    return moved < 0.0f ? 0.0f : moved > 1.0f ? 1.0f : moved;
}

int32_t td_boxes_to_image(const td_preprocess_params *params, int32_t source_height,
                          int32_t source_width, td_detection *detections, int32_t count) {
    if (params->aspect_ratio == TD_FIT) {
        return count;
    }
    const td_placement placed = td_place(source_height, source_width, params);
    const int32_t source_columns[2] = {placed.source_left, placed.source_width};
    const int32_t source_rows[2] = {placed.source_top, placed.source_height};
    const int32_t columns[2] = {placed.left, placed.width};
    const int32_t rows[2] = {placed.top, placed.height};
    const axis_map x_map = map_axis(source_width, params->width, source_columns, columns);
    const axis_map y_map = map_axis(source_height, params->height, source_rows, rows);
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        td_detection box = detections[i];
        box.x_min = to_image(&x_map, box.x_min);
        box.y_min = to_image(&y_map, box.y_min);
        box.x_max = to_image(&x_map, box.x_max);
        box.y_max = to_image(&y_map, box.y_max);
        if (box.x_min < box.x_max && box.y_min < box.y_max) {
            detections[kept++] = box;
        }
    }
    return kept;
}
