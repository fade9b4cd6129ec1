/* CONV_2D for vectors of sixteen values: gathers what four output pixels see, then computes all their channels.
 *
 * A window is one run of values, in the order of the weights; a step is sixteen of them, and where the last one has
 * fewer, its weights are filled up with zeros. gathered[64 * step + 16 * pixel + i] is value 16 * step + i of a pixel. */
#include "td_conv_mve.h"

enum {
    PIXELS = TD_CONV_VECTOR_PIXELS,
    STEP = TD_CONV_VECTOR_VALUES,
    CACHED_BYTES = 8192 /* of weights, used for one group of pixels after the other */
};

/* Up to four output pixels one after the other, through the ends of image rows. */
typedef struct {
    int32_t y, x, count; /* the first one */
    int is_in_row;       /* four, all in one row */
} vector_pixels;

/* Where four pixels go. */
typedef struct {
    int8_t *pixels[PIXELS];
    int is_in_row;
} vector_places;

/* From the first of four pixels in one row to both channels of each, for a pair of channels [0] and for a single one
 * [1]; is_near 0: not in 16 bits. */
typedef struct {
    uint16_t offsets[2][2 * PIXELS];
    int is_near;
} vector_row_offsets;

/* Pixel k; those that are missing repeat the first. */
TD_INLINE vector_pixels vector_pixel(const td_conv_vector_params *p, const vector_pixels *first, int32_t k) {
    vector_pixels pixel = {first->y, first->x + (k < first->count ? k : 0), 1, 0};
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

#ifdef TD_MVE
/* Up to sixteen values of each of four pixels, which lie `from_step` and then `to_step` bytes apart. */
TD_INLINE void vector_four_mve(const uint8_t *from, int32_t from_step, int32_t count, uint8_t flip, uint8_t *to,
                               int32_t to_step) {
    const mve_pred16_t these = vctp8q((uint32_t)count);
    const uint8x16_t flips = vdupq_n_u8(flip);
    for (int32_t k = 0; k < PIXELS; k++) {
        const uint8x16_t values = vldrbq_z_u8(from + k * from_step, these);
        vst1q_u8(to + k * to_step, flip ? veorq_u8(values, flips) : values);
    }
}

/* All channels of four pixels. */
TD_INLINE void vector_gather_points(const td_conv_vector_params *p, const uint8_t *from, uint8_t flip,
                                    int8_t *gathered) {
    const int32_t step = p->stride_width * p->input_channels;
    int32_t left = p->input_channels;
    for (; left >= STEP; left -= STEP, from += STEP, gathered += PIXELS * STEP) {
        const uint8x16_t flips = vdupq_n_u8(flip);
        for (int32_t k = 0; k < PIXELS; k++) {
            const uint8x16_t values = vld1q_u8(from + k * step);
            vst1q_u8((uint8_t *)gathered + STEP * k, flip ? veorq_u8(values, flips) : values);
        }
    }
    if (left > 0) {
        vector_four_mve(from, step, left, flip, (uint8_t *)gathered, STEP);
    }
}

/* Windows of one row of pixels, one after the other, where all of them lie inside the image; 0: they do not, or need too
 * much memory. */
TD_INLINE int vector_gather_inside(const td_conv_vector_params *p, const uint8_t *input, const vector_pixels *pixels,
                                   uint8_t flip, int8_t *gathered) {
    enum { MOST = 64 }; /* values */
    const int32_t y = pixels->y * p->stride_height - p->pad_top, x = pixels->x * p->stride_width - p->pad_left;
    const int32_t run = p->filter_width * p->input_channels, step = p->stride_width * p->input_channels;
    const int is_point = p->filter_height == 1;
    if (!pixels->is_in_row || p->dilation_width != 1 || y < 0 || x < 0 || (!is_point && p->steps * STEP > MOST) ||
        y + (p->filter_height - 1) * p->dilation_height >= p->input_height ||
        x + (PIXELS - 1) * p->stride_width + p->filter_width > p->input_width) {
        return 0;
    }
    if (is_point) {
        vector_gather_points(p, vector_input_row(p, input, y) + (ptrdiff_t)x * p->input_channels, flip, gathered);
        return 1;
    }
    uint8_t windows[PIXELS][MOST + STEP]; /* each row over what is too much of the one before */
    for (int32_t i = 0; i < p->filter_height; i++) {
        const uint8_t *from = vector_input_row(p, input, y + i * p->dilation_height) + (ptrdiff_t)x * p->input_channels;
        for (int32_t at = 0; at < run; at += STEP) {
            vector_four_mve(from + at, step, run - at, flip, windows[0] + i * run + at, MOST + STEP);
        }
    }
    for (int32_t i = 0; i < p->steps; i++, gathered += PIXELS * STEP) {
        vector_four_mve(windows[0] + STEP * i, MOST + STEP, STEP, 0, (uint8_t *)gathered, STEP);
    }
    return 1;
}
#endif

static void vector_gather(const td_conv_vector_params *p, const uint8_t *input, const vector_pixels *pixels, uint8_t flip,
                          int8_t *gathered) {
#ifdef TD_MVE
    if (vector_gather_inside(p, input, pixels, flip, gathered)) {
        return;
    }
#endif
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

/* The zero points around each channel of a planar row. */
static void vector_fill_pads(const td_conv_vector_params *p, int8_t *row) {
    const int8_t zero_point = (int8_t)p->output_offset;
    const int32_t gap = p->output_pad_left + p->output_pad_right; /* behind a channel and in front of the next one */
    int8_t *at = row + p->output_pad_left + p->output_width;
    td_fill(zero_point, row, p->output_pad_left);
    for (int32_t c = p->output_channels - 1; c > 0; c--, at += p->channel_stride) {
#ifdef TD_MVE
        vstrbq_p_s8(at, vdupq_n_s8(zero_point), vctp8q((uint32_t)gap)); /* at most 2 + 2 + 3 */
#else
        td_fill(zero_point, at, gap);
#endif
    }
    td_fill(zero_point, at, p->output_pad_right);
}

/* Where the pixels go, and the pads of rows that begin here. */
static void vector_place_output(const td_conv_vector_params *p, int8_t *output, const vector_pixels *pixels,
                                vector_places *places) {
    places->is_in_row = pixels->is_in_row;
    for (int32_t k = 0; k < PIXELS; k++) {
        const vector_pixels pixel = vector_pixel(p, pixels, k);
        const int32_t slot = pixel.y < p->output_ring ? pixel.y : pixel.y % p->output_ring;
        int8_t *const row = output + (ptrdiff_t)slot * p->output_row_bytes;
        places->pixels[k] = row + p->output_pad_left + (ptrdiff_t)pixel.x * p->pixel_stride;
        if (pixel.x == 0 && k < pixels->count && p->output_pad_left + p->output_pad_right > 0) {
            vector_fill_pads(p, row);
        }
        if (pixels->is_in_row) {
            for (k = 1; k < PIXELS; k++) {
                places->pixels[k] = places->pixels[k - 1] + p->pixel_stride;
            }
        }
    }
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

/* Pairs [begin, end) of channels of four pixels; `channel_stride` is 0 for the last one of an odd number. */
static void vector_block(const td_conv_vector_params *p, const int8_t *gathered, const vector_places *places,
                         int32_t begin, int32_t end, int32_t channel_stride) {
    const ptrdiff_t pair_bytes = 2 * STEP * (ptrdiff_t)p->steps;
    for (int32_t pair = begin; pair < end; pair++) {
        for (int half = 0; half < 2; half++) {
            const int8_t *weights = p->weights + pair * pair_bytes + half * STEP;
            const ptrdiff_t at = 2 * (ptrdiff_t)pair * p->channel_stride + half * channel_stride;
            for (int32_t k = 0; k < PIXELS; k++) {
                places->pixels[k][at] = vector_value(p, &p->channels[pair], half, weights, gathered + STEP * k);
            }
        }
    }
}

#ifdef TD_MVE
/* Pairs [begin, end) of channels; without the output. */
TD_INLINE conv_vector_block vector_block_of(const td_conv_vector_params *p, const int8_t *gathered, int32_t begin,
                                            int32_t end) {
    const conv_vector_block block = {
        .gathered = gathered,
        .gathered_end = gathered + PIXELS * STEP * (ptrdiff_t)p->steps,
        .weights = p->weights + 2 * STEP * (ptrdiff_t)p->steps * begin,
        .channels = p->channels + begin,
        .channels_end = p->channels + end,
        .output = NULL,
        .pair_stride = 2 * p->channel_stride,
        .offsets = NULL,
        .output_offset = p->output_offset,
        .steps = p->steps,
        .entry = 0,
    };
    return block;
}

TD_INLINE void vector_run_mve(const td_conv_vector_params *p, conv_vector_block *block) {
    if (p->steps <= TD_CONV_MVE_SHORT) {
        if (p->is_positive) {
            conv_vector_block_short_positive_mve(block);
        } else {
            conv_vector_block_short_mve(block);
        }
    } else if (p->is_positive) {
        conv_vector_block_positive_mve(block);
    } else {
        conv_vector_block_mve(block);
    }
}

/* From the pixel that lies first in memory to both channels of each; 0: they lie too far apart for 16 bits. */
static int vector_offsets(const vector_places *places, int32_t channel_stride, const int8_t *first, uint16_t offsets[8]) {
    for (int32_t k = 0; k < PIXELS; k++) {
        const ptrdiff_t offset = places->pixels[k] - first;
        if (offset + channel_stride > UINT16_MAX) {
            return 0;
        }
        offsets[2 * k] = (uint16_t)offset;
        offsets[2 * k + 1] = (uint16_t)(offset + channel_stride);
    }
    return 1;
}

/* The same in Helium, as far as 16 bits reach; 0: they do not. `in_row` are the offsets of pixels in one row. */
TD_INLINE int vector_block_in_mve(const td_conv_vector_params *p, const int8_t *gathered, const vector_places *places,
                                  const uint16_t *in_row, int32_t begin, int32_t end, int32_t channel_stride) {
    uint16_t offsets[2 * PIXELS];
    int8_t *first = places->pixels[0];
    if (!places->is_in_row || in_row == NULL) {
        for (int32_t k = 1; k < PIXELS; k++) {
            first = places->pixels[k] < first ? places->pixels[k] : first;
        }
        if (!vector_offsets(places, channel_stride, first, offsets)) {
            return 0;
        }
        in_row = offsets;
    }
    conv_vector_block block = vector_block_of(p, gathered, begin, end);
    block.output = first + 2 * (ptrdiff_t)begin * p->channel_stride;
    block.offsets = in_row;
    vector_run_mve(p, &block);
    return 1;
}
#endif

/* Pairs [begin, end) of channels of some groups of four pixels. */
static void vector_groups(const td_conv_vector_params *p, const int8_t *gathered, const vector_places *places,
                          const vector_row_offsets *in_row, int32_t count, int32_t begin, int32_t end) {
    const int32_t channel_stride = 2 * end <= p->output_channels ? p->channel_stride : 0;
#ifdef TD_MVE
    const uint16_t *row_offsets = in_row->is_near ? in_row->offsets[channel_stride == 0] : NULL;
#else
    (void)in_row;
#endif
    for (int32_t i = 0; i < count; i++, gathered += PIXELS * STEP * (ptrdiff_t)p->steps) {
#ifdef TD_MVE
        if (p->is_plain && vector_block_in_mve(p, gathered, &places[i], row_offsets, begin, end, channel_stride)) {
            continue;
        }
#endif
        vector_block(p, gathered, &places[i], begin, end, channel_stride);
    }
}

/* All channels of some groups: as many pairs at a time as stay in the cache from group to group. */
static void vector_channels(const td_conv_vector_params *p, const int8_t *gathered, const vector_places *places,
                            const vector_row_offsets *in_row, int32_t count) {
    const int32_t whole_pairs = p->output_channels / 2;
    const int32_t at_once = count > 1 ? 1 + CACHED_BYTES / (2 * STEP * p->steps) : whole_pairs;
    for (int32_t begin = 0; begin < whole_pairs; begin += at_once) {
        const int32_t end = whole_pairs - begin > at_once ? begin + at_once : whole_pairs;
        vector_groups(p, gathered, places, in_row, count, begin, end);
    }
    if (2 * whole_pairs < p->output_channels) {
        vector_groups(p, gathered, places, in_row, count, whole_pairs, whole_pairs + 1);
    }
}

TD_INLINE void vector_rows(const td_conv_vector_params *p, const uint8_t *input, uint8_t flip, int8_t *output,
                           int8_t *gathered, int32_t y_begin, int32_t y_end) {
    vector_pixels pixels = {y_begin, 0, PIXELS, 0}, groups[TD_CONV_MAX_GROUPS];
    vector_places places[TD_CONV_MAX_GROUPS];
    int32_t left = (y_end - y_begin) * p->output_width;
    vector_row_offsets in_row;
    in_row.is_near = (PIXELS - 1) * p->pixel_stride + p->channel_stride <= UINT16_MAX;
    for (int i = 0; i < 2 * PIXELS; i++) {
        in_row.offsets[0][i] = (uint16_t)(i / 2 * p->pixel_stride + i % 2 * p->channel_stride);
        in_row.offsets[1][i] = (uint16_t)(i / 2 * p->pixel_stride);
    }
    while (left > 0) {
        int32_t count = 0;
        for (; count < p->groups_at_once && left > 0; count++, left -= PIXELS) {
            pixels.count = left < PIXELS ? left : PIXELS;
            pixels.is_in_row = pixels.count == PIXELS && pixels.x + PIXELS <= p->output_width;
            vector_gather(p, input, &pixels, flip, gathered + PIXELS * STEP * (ptrdiff_t)p->steps * count);
            groups[count] = pixels;
            pixels.x += pixels.count;
            pixels = vector_pixel(p, &pixels, 0);
        }
        /* All that these pixels see has been read: from here on, its rows may be written to. */
        for (int32_t i = 0; i < count; i++) {
            vector_place_output(p, output, &groups[i], &places[i]);
        }
        vector_channels(p, gathered, places, &in_row, count);
    }
}

void td_conv_vector_s8(const td_conv_vector_params *p, const int8_t *input, int8_t *output, void *scratch,
                       int32_t y_begin, int32_t y_end) {
    vector_rows(p, (const uint8_t *)input, 0, output, (int8_t *)scratch, y_begin, y_end);
}

void td_conv_vector_u8(const td_conv_vector_params *p, const uint8_t *input, int8_t *output, void *scratch,
                       int32_t y_begin, int32_t y_end) {
    vector_rows(p, input, 0x80, output, (int8_t *)scratch, y_begin, y_end);
}
