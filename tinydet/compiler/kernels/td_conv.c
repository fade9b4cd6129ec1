/* CONV_2D: gathers what four output pixels see, then computes all their channels (td_conv_block.h). */
#include "td_conv_dsp.h"

/* A window in runs: values that are adjacent in the input. Without horizontal dilation a filter row is one
 * run, else each tap is one. Of a run, values are gathered in fours in the order 0, 2, 1, 3 (which is what
 * splitting a word into its even and its odd bytes gives), the last one to three as they come. A run fills
 * whole pairs. */
typedef struct {
    int32_t rows, columns; /* runs of the window */
    int32_t pixels;        /* of a run */
    int32_t length, pairs; /* values of a run, and the pairs that they take */
} conv_runs;

TD_INLINE conv_runs conv_runs_of(const td_conv_params *p) {
    const int is_dense = p->dilation_width == 1;
    conv_runs runs = {p->filter_height, is_dense ? 1 : p->filter_width, is_dense ? p->filter_width : 1, 0, 0};
    runs.length = runs.pixels * p->input_channels;
    runs.pairs = (runs.length + 1) / 2;
    return runs;
}

/* One to four output pixels in a row, through the ends of image rows. */
typedef struct {
    int32_t y[TD_CONV_PIXELS], x[TD_CONV_PIXELS], count;
} conv_pixels;

TD_INLINE int16_t conv_input_value(uint8_t bits, int is_unsigned) {
    return is_unsigned ? (int16_t)bits : (int16_t)(int8_t)bits;
}

#if defined(TD_CONV_DSP)

typedef uint32_t conv_word __attribute__((aligned(1), may_alias));
typedef uint32_t conv_pair __attribute__((may_alias)); /* two int16 */

/* Bytes 0 and 2 of a word as int16. */
TD_INLINE uint32_t conv_even_bytes(uint32_t word, int is_unsigned) {
    uint32_t pair;
    if (is_unsigned) {
        __asm__("uxtb16 %0, %1" : "=r"(pair) : "r"(word));
    } else {
        __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    }
    return pair;
}

/* Bytes 1 and 3. */
TD_INLINE uint32_t conv_odd_bytes(uint32_t word, int is_unsigned) {
    uint32_t pair;
    if (is_unsigned) {
        __asm__("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    } else {
        __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    }
    return pair;
}

TD_INLINE void conv_gather_four(const uint8_t *const in[TD_CONV_PIXELS], int is_unsigned, int16_t *out) {
    const uint32_t word_0 = *(const conv_word *)in[0], word_1 = *(const conv_word *)in[1];
    const uint32_t word_2 = *(const conv_word *)in[2], word_3 = *(const conv_word *)in[3];
    conv_pair *const pairs = (conv_pair *)(void *)out;
    pairs[0] = conv_even_bytes(word_0, is_unsigned);
    pairs[1] = conv_even_bytes(word_1, is_unsigned);
    pairs[2] = conv_even_bytes(word_2, is_unsigned);
    pairs[3] = conv_even_bytes(word_3, is_unsigned);
    pairs[4] = conv_odd_bytes(word_0, is_unsigned);
    pairs[5] = conv_odd_bytes(word_1, is_unsigned);
    pairs[6] = conv_odd_bytes(word_2, is_unsigned);
    pairs[7] = conv_odd_bytes(word_3, is_unsigned);
}

#else

TD_INLINE void conv_gather_four(const uint8_t *const in[TD_CONV_PIXELS], int is_unsigned, int16_t *out) {
    for (int k = 0; k < TD_CONV_PIXELS; k++) {
        out[2 * k] = conv_input_value(in[k][0], is_unsigned);
        out[2 * k + 1] = conv_input_value(in[k][2], is_unsigned);
        out[2 * k + 8] = conv_input_value(in[k][1], is_unsigned);
        out[2 * k + 9] = conv_input_value(in[k][3], is_unsigned);
    }
}

#endif

/* A run of four pixels that lies inside the image for each of them. */
TD_INLINE void conv_gather_inside(const uint8_t *const starts[TD_CONV_PIXELS], int32_t length,
                                  int is_unsigned, int16_t *out) {
    const uint8_t *in[TD_CONV_PIXELS] = {starts[0], starts[1], starts[2], starts[3]};
    for (int32_t fours = length >> 2; fours > 0; fours--) {
        conv_gather_four(in, is_unsigned, out);
        out += 16;
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            in[k] += 4;
        }
    }
    for (int32_t i = 0; i < (length & 3); i++) {
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            out[8 * (i >> 1) + 2 * k + (i & 1)] = conv_input_value(in[k][i], is_unsigned);
        }
    }
}

/* A run of one pixel, a part of which lies outside: at column x_start, in a row or (NULL) outside of all. */
TD_INLINE void conv_gather_clipped(const td_conv_params *p, const conv_runs *runs, const uint8_t *row,
                                   int32_t x_start, int is_unsigned, int16_t *out) {
    int32_t index = 0;
    for (int32_t x = x_start; x < x_start + runs->pixels; x++) {
        const int is_inside = row != NULL && x >= 0 && x < p->input_width;
        for (int32_t c = 0; c < p->input_channels; c++, index++) {
            const int is_in_four = index < (runs->length & ~3);
            const int32_t low = is_in_four ? (index & 1) << 1 | (index >> 1 & 1) : index & 3;
            const int32_t place = (index & ~3) | low;
            int16_t value = p->input_zero_point;
            if (is_inside) {
                value = conv_input_value(row[(ptrdiff_t)x * p->input_channels + c], is_unsigned);
            }
            out[8 * (place >> 1) + (place & 1)] = value;
        }
    }
}

/* Run (i, j) of the window for each of the pixels. */
TD_INLINE void conv_gather_run(const td_conv_params *p, const conv_runs *runs, const uint8_t *input,
                               const conv_pixels *at, int32_t i, int32_t j, int is_unsigned, int16_t *out) {
    const uint8_t *rows[TD_CONV_PIXELS], *starts[TD_CONV_PIXELS];
    int32_t x_starts[TD_CONV_PIXELS];
    int is_inside = 1;
    for (int k = 0; k < TD_CONV_PIXELS; k++) {
        const int of = k < at->count ? k : 0;
        const int32_t y = at->y[of] * p->stride_height - p->pad_top + i * p->dilation_height;
        const int32_t x = at->x[of] * p->stride_width - p->pad_left + j * p->dilation_width;
        const int32_t slot = y < p->input_ring ? y : y % p->input_ring;
        rows[k] = NULL;
        starts[k] = input;
        x_starts[k] = x;
        if (y >= 0 && y < p->input_height) {
            rows[k] = input + (ptrdiff_t)slot * p->input_width * p->input_channels;
        }
        if (rows[k] != NULL && x >= 0 && x + runs->pixels <= p->input_width) {
            starts[k] = rows[k] + (ptrdiff_t)x * p->input_channels;
        } else {
            is_inside = 0;
        }
    }
    if (is_inside) {
        conv_gather_inside(starts, runs->length, is_unsigned, out);
        return;
    }
    for (int k = 0; k < TD_CONV_PIXELS; k++) {
        conv_gather_clipped(p, runs, rows[k], x_starts[k], is_unsigned, out + 2 * k);
    }
}

TD_INLINE int8_t *conv_output_row(const td_conv_params *p, int8_t *output, int32_t y) {
    return output + (ptrdiff_t)(y < p->output_ring ? y : y % p->output_ring) * p->output_row_bytes;
}

/* The zero points around each channel of a planar row. */
TD_INLINE void conv_fill_pads(const td_conv_params *p, int8_t *row) {
    for (int32_t c = 0; c < p->output_channels; c++, row += p->channel_stride) {
        td_fill((int8_t)p->output_offset, row, p->output_pad_left);
        td_fill((int8_t)p->output_offset, row + p->output_pad_left + p->output_width, p->output_pad_right);
    }
}

TD_INLINE void conv_block(const td_conv_params *p, const td_conv_block *block) {
#if defined(TD_CONV_DSP)
    if (p->is_plain) {
        conv_block_dsp(block);
        return;
    }
#endif
    conv_block_portable(p, block);
}

/* All channels of the gathered pixels. */
TD_INLINE void conv_all_channels(const td_conv_params *p, td_conv_block *block) {
    const ptrdiff_t pairs = p->output_channels / 2;
    if (pairs > 0) {
        block->second = p->channel_stride;
        block->channels = p->channels;
        block->channels_end = p->channels + 2 * pairs;
        block->weights = p->weights;
        block->channel_stride = p->channel_stride;
        conv_block(p, block);
    }
    if (p->output_channels % 2 != 0) {
        block->second = 2 * pairs * p->channel_stride;
        block->channels = p->channels + 2 * pairs;
        block->channels_end = block->channels + 2;
        block->weights = p->weights + pairs * ((block->gathered_end - block->gathered) / 2);
        block->channel_stride = 0;
        conv_block(p, block);
    }
}

TD_INLINE void conv_rows(const td_conv_params *p, const uint8_t *input, int is_unsigned, int8_t *output,
                         int16_t *gathered, int32_t y_begin, int32_t y_end) {
    const conv_runs runs = conv_runs_of(p);
    const ptrdiff_t run_size = 2 * TD_CONV_PIXELS * (ptrdiff_t)runs.pairs;
    td_conv_block block; /* no initializer: it would become a call of memset */
    block.gathered = gathered;
    block.rounded_offset = 2 * p->output_offset + 1;
    block.gathered_end = gathered + run_size * runs.rows * runs.columns;
    int32_t y = y_begin, x = 0;
    while (y < y_end) {
        conv_pixels at;
        for (at.count = 0; at.count < TD_CONV_PIXELS && y < y_end; at.count++) {
            at.y[at.count] = y;
            at.x[at.count] = x;
            if (++x == p->output_width) {
                x = 0;
                y++;
            }
        }
        int16_t *out = gathered;
        for (int32_t i = 0; i < runs.rows; i++) {
            for (int32_t j = 0; j < runs.columns; j++, out += run_size) {
                conv_gather_run(p, &runs, input, &at, i, j, is_unsigned, out);
            }
        }
        /* All that the pixels see has been read: rows that it lies in may be written from here on. */
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            const int of = k < at.count ? k : 0;
            int8_t *const row = conv_output_row(p, output, at.y[of]);
            block.pixels[k] = row + p->output_pad_left + (ptrdiff_t)at.x[of] * p->pixel_stride;
            if (at.x[of] == 0 && of == k) {
                conv_fill_pads(p, row);
            }
        }
        conv_all_channels(p, &block);
    }
}

void td_conv_s8(const td_conv_params *p, const int8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end) {
    conv_rows(p, (const uint8_t *)input, 0, output, (int16_t *)scratch, y_begin, y_end);
}

void td_conv_u8(const td_conv_params *p, const uint8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end) {
    conv_rows(p, input, 1, output, (int16_t *)scratch, y_begin, y_end);
}
