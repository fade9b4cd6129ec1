/* td_conv_vector.h: what the forms of td_conv_vector.c share: groups of four output pixels, what they see, and where
 * their channels go. Not for callers.
 *
 * A window is one run of values, in the order of the weights; a step is sixteen of them, and where the last one has
 * fewer, its weights are filled up with zeros. gathered[64 * step + 16 * pixel + i] is value 16 * step + i of a pixel. */
#ifndef TD_CONV_VECTOR_H
#define TD_CONV_VECTOR_H

#include "td_conv_mve.h"

enum { PIXELS = TD_CONV_VECTOR_PIXELS, STEP = TD_CONV_VECTOR_VALUES };

/* Up to four output pixels one after the other, through the ends of image rows. */
typedef struct {
    int32_t y, x, count; /* the first one */
} vector_pixels;

/* Where four pixels go. */
typedef struct {
    int8_t *pixels[PIXELS];
} vector_places;

/* Pixel k; those that are missing repeat the first. */
TD_INLINE vector_pixels vector_pixel(const td_conv_vector_params *p, const vector_pixels *first, int32_t k) {
    vector_pixels pixel = {first->y, first->x + (k < first->count ? k : 0), 1};
    while (pixel.x >= p->output_width) {
        pixel.x -= p->output_width;
        pixel.y++;
    }
    return pixel;
}

/* Row y of the input; NULL outside the image. */
TD_INLINE const uint8_t *vector_input_row(const td_conv_vector_params *p, const uint8_t *input, int32_t y) {
    if (y < 0 || y >= p->input_height) {
        return NULL;
    }
    return input + (ptrdiff_t)(y < p->input_ring ? y : y % p->input_ring) * p->input_width * p->input_channels;
}

/* `count` values from place `at` of the gathered ones of a pixel on; `from` NULL: outside of the image. `flip` is 0x80
 * for uint8, which makes int8 of them, else 0. */
TD_INLINE void vector_put(const td_conv_vector_params *p, const uint8_t *from, int32_t count, uint8_t flip, int32_t at,
                          int8_t *gathered) {
#ifdef TD_MVE
    int32_t part = STEP - (at & (STEP - 1)); /* that is left of a step */
    for (; count > 0; count -= part, at += part, part = STEP) {
        const mve_pred16_t these = vctp8q((uint32_t)(count < part ? count : part));
        uint8x16_t values = vdupq_n_u8((uint8_t)p->input_zero_point);
        if (from != NULL) {
            values = veorq_u8(vldrbq_z_u8(from, these), vdupq_n_u8(flip));
            from += part;
        }
        vstrbq_p_u8((uint8_t *)gathered + (at & ~(STEP - 1)) * PIXELS + (at & (STEP - 1)), values, these);
    }
#else
    for (int32_t i = 0; i < count; i++, at++) {
        const int32_t place = (at & ~(STEP - 1)) * PIXELS + (at & (STEP - 1));
        gathered[place] = (int8_t)(from != NULL ? from[i] ^ flip : p->input_zero_point);
    }
#endif
}

/* What one pixel sees of a filter row whose first tap lies at column x of an input row (NULL: outside). */
TD_INLINE void vector_gather_row(const td_conv_vector_params *p, const uint8_t *row, int32_t x, uint8_t flip, int32_t at,
                                 int8_t *gathered) {
    const int32_t channels = p->input_channels;
    if (row == NULL) {
        vector_put(p, NULL, p->filter_width * channels, flip, at, gathered);
    } else if (p->dilation_width == 1 && x >= 0 && x + p->filter_width <= p->input_width) {
        vector_put(p, row + (ptrdiff_t)x * channels, p->filter_width * channels, flip, at, gathered);
    } else {
        for (int32_t j = 0; j < p->filter_width; j++, x += p->dilation_width, at += channels) {
            const uint8_t *from = x >= 0 && x < p->input_width ? row + (ptrdiff_t)x * channels : NULL;
            vector_put(p, from, channels, flip, at, gathered);
        }
    }
}

static void vector_gather(const td_conv_vector_params *p, const uint8_t *input, const vector_pixels *pixels, uint8_t flip,
                          int8_t *gathered) {
    for (int32_t k = 0; k < PIXELS; k++) {
        const vector_pixels pixel = vector_pixel(p, pixels, k);
        const int32_t x = pixel.x * p->stride_width - p->pad_left;
        int32_t y = pixel.y * p->stride_height - p->pad_top, at = 0;
        for (int32_t i = 0; i < p->filter_height; i++, y += p->dilation_height) {
            vector_gather_row(p, vector_input_row(p, input, y), x, flip, at, gathered + STEP * k);
            at += p->filter_width * p->input_channels;
        }
    }
}

/* Row y of the output. */
TD_INLINE int8_t *vector_output_row(const td_conv_vector_params *p, int8_t *output, int32_t y) {
    return output + (ptrdiff_t)(y < p->output_ring ? y : y % p->output_ring) * p->output_row_bytes;
}

/* The zero points around each channel of a planar row. */
static void vector_fill_pads(const td_conv_vector_params *p, int8_t *row) {
    const int8_t zero_point = (int8_t)p->output_offset;
    const int32_t gap = p->output_pad_left + p->output_pad_right; /* behind a channel and in front of the next one */
    int8_t *at = row + p->output_pad_left + p->output_width;
    if (gap == 0) {
        return;
    }
    td_fill(zero_point, row, p->output_pad_left);
#ifdef TD_MVE
    const int32_t step = p->channel_stride;
    const uint32_t four = (uint8_t)zero_point * UINT32_C(0x01010101);
    int32_t left = p->output_channels - 1;
    for (; gap <= 4 && step >= 4 && left >= 2; left -= 2, at += 2 * step) { /* what is too much are pixels, which come later */
        td_store_4(at, four);
        td_store_4(at + step, four);
    }
    for (; left > 0; left--, at += step) {
        vstrbq_p_s8(at, vdupq_n_s8(zero_point), vctp8q((uint32_t)gap)); /* at most 2 + 2 + 3 */
    }
#else
    for (int32_t c = p->output_channels - 1; c > 0; c--, at += p->channel_stride) {
        td_fill(zero_point, at, gap);
    }
#endif
    td_fill(zero_point, at, p->output_pad_right);
}

/* Where the pixels go, and the pads of rows that begin here. */
static vector_places vector_place_output(const td_conv_vector_params *p, int8_t *output, const vector_pixels *pixels) {
    vector_places places;
    for (int32_t k = 0; k < PIXELS; k++) {
        const vector_pixels pixel = vector_pixel(p, pixels, k);
        int8_t *const row = vector_output_row(p, output, pixel.y);
        places.pixels[k] = row + p->output_pad_left + (ptrdiff_t)pixel.x * p->pixel_stride;
        if (pixel.x == 0 && k < pixels->count) {
            vector_fill_pads(p, row);
        }
    }
    return places;
}

/* A channel of a pixel: `half` of a pair. This is what the forms in vector instructions compute. */
TD_INLINE int8_t vector_value(const td_conv_vector_params *p, const td_conv_vector_channels *channels, int half,
                              const int8_t *weights, const int8_t *gathered) {
    int32_t sum = half == 0 ? channels->first_bias : channels->second_bias;
    TD_RARE_LOOP
    for (int32_t step = 0; step < p->steps; step++, weights += 2 * STEP, gathered += PIXELS * STEP) {
        TD_RARE_LOOP
        for (int32_t i = 0; i < STEP; i++) {
            sum = (int32_t)((uint32_t)sum + (uint32_t)(weights[i] * gathered[i]));
        }
    }
    const td_requant factor = {half == 0 ? channels->first_multiplier : channels->second_multiplier,
                               half == 0 ? channels->first_shift : channels->second_shift};
    return (int8_t)td_clamp(td_rescale(sum, factor) + p->output_offset, p->output_min, p->output_max);
}

/* All channels of four pixels. */
static void vector_block(const td_conv_vector_params *p, const int8_t *gathered, const vector_places *places) {
    for (int32_t c = 0; c < p->output_channels; c++) {
        const int8_t *weights = p->weights + (c / 2 * p->steps * 2 + c % 2) * (ptrdiff_t)STEP;
        for (int32_t k = 0; k < PIXELS; k++) {
            int8_t *const to = places->pixels[k] + (ptrdiff_t)c * p->channel_stride;
            *to = vector_value(p, &p->channels[c / 2], c % 2, weights, gathered + STEP * k);
        }
    }
}

#endif /* TD_CONV_VECTOR_H */
