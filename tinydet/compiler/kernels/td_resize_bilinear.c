/* RESIZE_BILINEAR. */
#include "td_fixed_point.h"

/* Between which two input rows (or columns) an output row lies, and their weights, which sum to 1024. */
typedef struct {
    int32_t lower, upper, lower_weight, upper_weight;
} resize_place;

TD_INLINE resize_place resize_place_of(int32_t index, int32_t scale_10, int32_t half_pixel_centers,
                                       int32_t input_size) {
    int32_t position = index * scale_10; /* in 1/1024 pixel */
    if (half_pixel_centers) {
        position += scale_10 / 2 - 512;
    }
    resize_place place;
    /* In front of the first centre both are pixel 0; the weights then stand for less than 0 and more than 1. */
    place.lower = td_clamp(position / 1024, 0, input_size - 1);
    place.upper = td_clamp((position + 1023) / 1024, 0, input_size - 1);
    place.upper_weight = position - 1024 * place.lower;
    place.lower_weight = 1024 - place.upper_weight;
    return place;
}

void td_resize_bilinear_s8(const td_resize_bilinear_params *p, const int8_t *input, int8_t *output,
                           int32_t y_begin, int32_t y_end) {
    const ptrdiff_t row = (ptrdiff_t)p->input_width * p->channels;
    for (int32_t y = y_begin; y < y_end; y++) {
        const resize_place v =
            resize_place_of(y, p->height_scale_10, p->half_pixel_centers, p->input_height);
        const int8_t *lower = input + v.lower % p->input_ring * row;
        const int8_t *upper = input + v.upper % p->input_ring * row;
        int8_t *out = output + (ptrdiff_t)(y % p->output_ring) * p->output_width * p->channels;
        for (int32_t x = 0; x < p->output_width; x++) {
            const resize_place h =
                resize_place_of(x, p->width_scale_10, p->half_pixel_centers, p->input_width);
            const ptrdiff_t left = (ptrdiff_t)h.lower * p->channels;
            const ptrdiff_t right = (ptrdiff_t)h.upper * p->channels;
            for (int32_t c = 0; c < p->channels; c++) {
                /* Four products of at most 128 * 1536 * 1536 each: no overflow. */
                const int32_t sum = lower[left + c] * v.lower_weight * h.lower_weight +
                                    upper[left + c] * v.upper_weight * h.lower_weight +
                                    lower[right + c] * v.lower_weight * h.upper_weight +
                                    upper[right + c] * v.upper_weight * h.upper_weight;
                const int32_t half = sum > 0 ? 1 << 19 : -(1 << 19);
                *out++ = (int8_t)((sum + half) / (1 << 20)); /* halves away from zero */
            }
        }
    }
}
