/* CONV_2D: gathers what groups of four output pixels see, then computes all their channels (td_conv_block.h). */
#include "td_conv_dsp.h"

/* Weights that are used for one group after the other. On a Cortex-M7 with the smallest data cache (4 KiB) inputs and
 * outputs need room there too; other cores have no data cache, or a large one. */
#ifdef TD_CORTEX_M7
enum { TD_CONV_CACHED_BYTES = 1280 };
#else
enum { TD_CONV_CACHED_BYTES = 4096 };
#endif

/* Pairs of channels whose weights stay where they are read fast, for windows of so many pairs of values. */
TD_INLINE int32_t conv_pairs_at_once(ptrdiff_t steps) {
    return 1 + (int32_t)(TD_CONV_CACHED_BYTES / (4 * steps + 1));
}

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

/* Up to four output pixels one after the other, through the ends of image rows. */
typedef struct {
    int32_t y, x, count; /* the first one */
    int is_in_row;       /* four, all in one row */
} conv_pixels;

typedef struct {
    int32_t y, x;
} conv_pixel;

/* Pixel k; those that are missing repeat the first. */
TD_INLINE conv_pixel conv_pixel_of(const td_conv_params *p, const conv_pixels *pixels, int32_t k) {
    conv_pixel pixel = {pixels->y, pixels->x + (k < pixels->count ? k : 0)};
    while (pixel.x >= p->output_width) {
        pixel.x -= p->output_width;
        pixel.y++;
    }
    return pixel;
}

TD_INLINE int16_t conv_input_value(uint8_t bits, int is_unsigned) {
    return is_unsigned ? (int16_t)bits : (int16_t)(int8_t)bits;
}

/* `fours` times four values of each of four pixels. */
TD_INLINE void conv_gather_fours(const uint8_t *const in[TD_CONV_PIXELS], int32_t fours, int is_unsigned,
                                 td_arena_s16 *out) {
#ifdef TD_DSP
    if (fours > 0 && is_unsigned) {
        conv_gather_u8_dsp(in, fours, out);
    } else if (fours > 0) {
        conv_gather_s8_dsp(in, fours, out);
    }
#else
    for (int32_t i = 0; i < 4 * fours; i += 4, out += 16) {
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            out[2 * k] = conv_input_value(in[k][i], is_unsigned);
            out[2 * k + 1] = conv_input_value(in[k][i + 2], is_unsigned);
            out[2 * k + 8] = conv_input_value(in[k][i + 1], is_unsigned);
            out[2 * k + 9] = conv_input_value(in[k][i + 3], is_unsigned);
        }
    }
#endif
}

#ifdef TD_CONV_SINGLE
#define TD_CONV_OFTEN TD_CONV_SHARED /* a call costs less than code that no cache holds */
#else
#define TD_CONV_OFTEN TD_INLINE
#endif

/* A run of four pixels that lies inside the image for each of them. */
TD_CONV_OFTEN void conv_gather_inside(const uint8_t *const in[TD_CONV_PIXELS], int32_t length, int is_unsigned,
                                  td_arena_s16 *out) {
    const int32_t fours = length >> 2;
    conv_gather_fours(in, fours, is_unsigned, out);
#ifdef TD_CONV_SINGLE
    if (fours > 0) {
        conv_gather_last(in, length, is_unsigned, out + 16 * fours);
        return;
    }
#endif
    out += 16 * fours;
    for (int32_t i = 0; i < (length & 3); i++) {
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            out[8 * (i >> 1) + 2 * k + (i & 1)] = conv_input_value(in[k][4 * fours + i], is_unsigned);
        }
    }
}

/* Where value `index` of a run lies among the gathered ones. */
TD_INLINE int32_t conv_place(const conv_runs *runs, int32_t index) {
    if (index >= (runs->length & ~3)) {
        return index;
    }
    return (index & ~3) | (index & 1) << 1 | (index >> 1 & 1);
}

/* A run of one pixel, a part of which lies outside: at column x_start, in a row or (NULL) outside of all. */
TD_CONV_SHARED void conv_gather_clipped(const td_conv_params *p, const conv_runs *runs, const uint8_t *row,
                                   int32_t x_start, int is_unsigned, td_arena_s16 *out) {
    int32_t index = 0;
    for (int32_t x = x_start; x < x_start + runs->pixels; x++) {
        const int is_inside = row != NULL && x >= 0 && x < p->input_width;
        for (int32_t c = 0; c < p->input_channels; c++, index++) {
            const int32_t place = conv_place(runs, index);
            int16_t value = p->input_zero_point;
            if (is_inside) {
                value = conv_input_value(row[(ptrdiff_t)x * p->input_channels + c], is_unsigned);
            }
            out[8 * (place >> 1) + (place & 1)] = value;
        }
    }
}

/* Row y of the input; NULL outside the image. */
TD_INLINE const uint8_t *conv_input_row(const td_conv_params *p, const uint8_t *input, int32_t y) {
    if (y < 0 || y >= p->input_height) {
        return NULL;
    }
    return input + (ptrdiff_t)(y < p->input_ring ? y : y % p->input_ring) * p->input_width * p->input_channels;
}

/* Run (i, j) of the window for four pixels of a row that lie inside the image; 0: they do not. */
TD_INLINE int conv_gather_in_row(const td_conv_params *p, const conv_runs *runs, const uint8_t *row,
                                 int32_t x, int is_unsigned, td_arena_s16 *out) {
    const ptrdiff_t step = p->stride_width * p->input_channels;
    const uint8_t *in[TD_CONV_PIXELS];
    if (row == NULL || x < 0 || x + (TD_CONV_PIXELS - 1) * p->stride_width + runs->pixels > p->input_width) {
        return 0;
    }
    in[0] = row + (ptrdiff_t)x * p->input_channels;
    in[1] = in[0] + step;
    in[2] = in[1] + step;
    in[3] = in[2] + step;
    conv_gather_inside(in, runs->length, is_unsigned, out);
    return 1;
}

/* Run (i, j) of the window for any pixels. */
TD_CONV_SHARED void conv_gather_any(const td_conv_params *p, const conv_runs *runs, const uint8_t *input,
                               const conv_pixels *pixels, int32_t i, int32_t j, int is_unsigned, td_arena_s16 *out) {
    const uint8_t *in[TD_CONV_PIXELS], *rows[TD_CONV_PIXELS], *inside = NULL;
    int32_t columns[TD_CONV_PIXELS];
    for (int32_t k = 0; k < TD_CONV_PIXELS; k++) {
        const conv_pixel pixel = conv_pixel_of(p, pixels, k);
        const int32_t y = pixel.y * p->stride_height - p->pad_top + i * p->dilation_height;
        const int32_t x = pixel.x * p->stride_width - p->pad_left + j * p->dilation_width;
        rows[k] = conv_input_row(p, input, y);
        columns[k] = x;
        in[k] = NULL;
        if (rows[k] != NULL && x >= 0 && x + runs->pixels <= p->input_width) {
            in[k] = inside = rows[k] + (ptrdiff_t)x * p->input_channels;
        }
    }
    if (inside != NULL) {
        const uint8_t *starts[TD_CONV_PIXELS]; /* of all; those outside are overwritten */
        for (int32_t k = 0; k < TD_CONV_PIXELS; k++) {
            starts[k] = in[k] != NULL ? in[k] : inside;
        }
        conv_gather_inside(starts, runs->length, is_unsigned, out);
    }
    for (int32_t k = 0; k < TD_CONV_PIXELS; k++) {
        if (in[k] == NULL) {
            conv_gather_clipped(p, runs, rows[k], columns[k], is_unsigned, out + 2 * k);
        }
    }
}

TD_INLINE void conv_gather(const td_conv_params *p, const conv_runs *runs, const uint8_t *input,
                           const conv_pixels *pixels, int is_unsigned, td_arena_s16 *out) {
    const int32_t y = pixels->y * p->stride_height - p->pad_top;
    const int32_t x = pixels->x * p->stride_width - p->pad_left;
    for (int32_t i = 0; i < runs->rows; i++) {
        const uint8_t *row = conv_input_row(p, input, y + i * p->dilation_height);
        for (int32_t j = 0; j < runs->columns; j++, out += 2 * TD_CONV_PIXELS * runs->pairs) {
            if (!pixels->is_in_row ||
                !conv_gather_in_row(p, runs, row, x + j * p->dilation_width, is_unsigned, out)) {
                conv_gather_any(p, runs, input, pixels, i, j, is_unsigned, out);
            }
        }
    }
}

#if defined(__GNUC__)
typedef uint32_t conv_word __attribute__((aligned(1), may_alias)); /* anywhere */
#endif

TD_INLINE void conv_fill_gap(int8_t zero_point, int8_t *at, int32_t gap) {
#if defined(__GNUC__)
    if (gap == 4) {
        *(conv_word *)(void *)at = 0x01010101u * (uint8_t)zero_point;
        return;
    }
#endif
    td_fill(zero_point, at, gap);
}

#if defined(__clang__)
#define TD_UNROLL_FOUR_TIMES _Pragma("clang loop unroll_count(4)")
#else
#define TD_UNROLL_FOUR_TIMES
#endif

/* The zero points around each channel of a planar row. Behind a channel and in front of the next one they are
 * one gap; four bytes as a rule. */
TD_CONV_SHARED void conv_fill_pads(const td_conv_params *p, int8_t *row) {
    const int8_t zero_point = (int8_t)p->output_offset;
    const int32_t gap = p->output_pad_left + p->output_pad_right;
    const ptrdiff_t stride = p->channel_stride;
    int8_t *at = row + p->output_pad_left + p->output_width;
    int32_t c = p->output_channels - 1;
    td_fill(zero_point, row, p->output_pad_left);
#ifdef TD_CONV_SINGLE
    const uint32_t four = 0x01010101u * (uint8_t)zero_point;
    for (; (gap == 2 || gap == 3) && c > 0; c--, at += stride) {
        *(conv_half_at *)(void *)at = (uint16_t)four;
        *(conv_half_at *)(void *)(at + gap - 2) = (uint16_t)four;
    }
    TD_UNROLL_FOUR_TIMES
    for (; gap >= 4 && gap <= 8 && c > 0; c--, at += stride) {
        *(conv_word_at *)(void *)at = four;
        *(conv_word_at *)(void *)(at + gap - 4) = four;
    }
#endif
    for (; c > 0; c--, at += stride) {
        conv_fill_gap(zero_point, at, gap);
    }
    td_fill(zero_point, at, p->output_pad_right);
}

/* Where the pixels go, and the pads of rows that begin here. */
TD_INLINE void conv_place_output(const td_conv_params *p, int8_t *output, const conv_pixels *pixels,
                                 int8_t *places[TD_CONV_PIXELS]) {
    for (int32_t k = 0; k < TD_CONV_PIXELS; k++) {
        const conv_pixel pixel = conv_pixel_of(p, pixels, k);
        const int32_t slot = pixel.y < p->output_ring ? pixel.y : pixel.y % p->output_ring;
        int8_t *const row = output + (ptrdiff_t)slot * p->output_row_bytes;
        places[k] = row + p->output_pad_left + (ptrdiff_t)pixel.x * p->pixel_stride;
        if (pixel.x == 0 && k < pixels->count && p->output_pad_left + p->output_pad_right > 0) {
            conv_fill_pads(p, row);
        }
        if (pixels->is_in_row) {
            places[1] = places[0] + p->pixel_stride;
            places[2] = places[1] + p->pixel_stride;
            places[3] = places[2] + p->pixel_stride;
            return;
        }
    }
}

/* The next four of `left` pixels behind the last ones; none yet where their count is 0. */
TD_INLINE void conv_next_pixels(const td_conv_params *p, conv_pixels *pixels, int32_t *left) {
    pixels->x += pixels->count;
    while (pixels->x >= p->output_width) {
        pixels->x -= p->output_width;
        pixels->y++;
    }
    pixels->count = *left < TD_CONV_PIXELS ? *left : TD_CONV_PIXELS;
    pixels->is_in_row = pixels->count == TD_CONV_PIXELS && pixels->x + TD_CONV_PIXELS <= p->output_width;
    *left -= pixels->count;
}

TD_CONV_SHARED void conv_block(const td_conv_params *p, const td_conv_block *block) {
#if defined(TD_CONV_SINGLE)
    conv_block_general(p, block); /* what td_conv_single_rows.h cannot do */
#elif defined(TD_CONV_DUAL)
    if (!p->is_plain || !conv_is_for_dsp(block)) {
        conv_block_general(p, block);
    } else if (p->is_joined) {
        conv_block_joined_dsp(block);
    } else {
        conv_block_dsp(block);
    }
#elif defined(TD_TILE_WASM)
    conv_block_channels(p, block, 0, p->is_joined); /* of windows too large for tiles only: less code */
#else
    if (p->is_plain) {
        conv_block_plain(p, block);
    } else {
        conv_block_general(p, block);
    }
#endif
}

/* Where four pixels go. */
typedef struct {
    int8_t *pixels[TD_CONV_PIXELS];
} conv_places;

/* The weights, and what is done with the sums: in flash, or copied from there. */
typedef struct {
    const int8_t *weights;
    const td_conv_channels *channels;
} conv_constants;

#if defined(__GNUC__)
typedef struct {
    uint32_t words[4];
} __attribute__((aligned(4), may_alias)) conv_words;
#endif

TD_CONV_SHARED void conv_copy(const int8_t *from, int8_t *to, int32_t count) {
    int32_t done = 0;
#if defined(__GNUC__)
    for (; done + 16 <= count; done += 16) {
        *(conv_words *)(void *)(to + done) = *(const conv_words *)(const void *)(from + done);
        TD_NO_LIBRARY_CALL();
    }
#endif
    td_copy(from + done, to + done, count - done);
}

/* The constants of a call; `kept` is the memory for copies of them. */
TD_CONV_SHARED conv_constants conv_constants_of(const td_conv_params *p, int8_t *kept, int32_t y_begin) {
    conv_constants constants = {p->weights, p->channels};
    if (p->kept_weight_bytes > 0) {
        int8_t *const channels = kept + p->kept_weight_bytes;
        if (y_begin == 0) {
            const int32_t pairs = (p->output_channels + 1) / 2;
            conv_copy(p->weights, kept, p->kept_weight_bytes);
            conv_copy((const int8_t *)p->channels, channels, pairs * (int32_t)sizeof *p->channels);
        }
        constants.weights = kept;
        constants.channels = (const td_conv_channels *)(const void *)channels;
    }
    return constants;
}

/* Pairs [begin, end) of channels of some groups of four pixels. */
TD_INLINE void conv_groups(const td_conv_params *p, const conv_constants *constants, td_arena_s16 *gathered,
                           ptrdiff_t steps, const conv_places *places, int32_t count, int32_t begin, int32_t end) {
    td_conv_block block;
    block.first = 2 * (ptrdiff_t)begin * p->channel_stride;
    block.rounded_offset = 2 * p->output_offset + 1;
#ifdef TD_CONV_DUAL
    block.rounded_offset -= p->is_positive;
#endif
    block.channels = constants->channels + begin;
    block.gathered = gathered;
    block.weights = constants->weights + 4 * begin * steps;
    block.channel_stride = 2 * end <= p->output_channels ? p->channel_stride : 0;
    block.channels_end = constants->channels + end;
    for (int32_t i = 0; i < count; i++) {
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            block.pixels[k] = places[i].pixels[k];
        }
        block.gathered_end = block.gathered + 2 * TD_CONV_PIXELS * steps;
        conv_block(p, &block);
        block.gathered = block.gathered_end;
    }
}

/* All channels of some groups: of `at_once` pairs first, whose weights stay in the cache from group to group. All
 * weights are read from the memory behind it, which is slow, once for so many groups only. */
TD_CONV_SHARED void conv_channels(const td_conv_params *p, const conv_constants *constants,
                                  td_arena_s16 *gathered, ptrdiff_t steps, const conv_places *places, int32_t count,
                                  int32_t at_once) {
    const int32_t whole_pairs = p->output_channels / 2;
    int32_t begin = 0;
    for (; whole_pairs - begin > at_once; begin += at_once) {
        conv_groups(p, constants, gathered, steps, places, count, begin, begin + at_once);
    }
    if (whole_pairs > 0) {
        conv_groups(p, constants, gathered, steps, places, count, begin, whole_pairs);
    }
    if (2 * whole_pairs < p->output_channels) {
        conv_groups(p, constants, gathered, steps, places, count, whole_pairs, whole_pairs + 1);
    }
}

#include "td_conv_tile.h"
#include "td_conv_single_rows.h"

/* On a Cortex-M7 all but the gathering is there once. */
#ifdef TD_CONV_DUAL
#define TD_CONV_BOTH TD_CONV_SHARED
#else
#define TD_CONV_BOTH TD_INLINE
#endif

TD_CONV_BOTH void conv_rows(const td_conv_params *p, const uint8_t *input, int is_unsigned, int8_t *output,
                         td_arena_s16 *gathered, int32_t y_begin, int32_t y_end) {
#ifdef TD_TILE
    if (conv_tile_fits(p)) {
        conv_tile_rows(p, input, is_unsigned, output, y_begin, y_end);
        return;
    }
#endif
    const conv_runs runs = conv_runs_of(p);
    const ptrdiff_t steps = (ptrdiff_t)runs.rows * runs.columns * runs.pairs;
#ifdef TD_CONV_SINGLE
    if (conv_is_single(p, steps)) {
        conv_single_rows(p, &runs, input, is_unsigned, output, gathered, y_begin, y_end);
        return;
    }
#endif
    int8_t *const kept = (int8_t *)(gathered + 2 * TD_CONV_PIXELS * steps * p->groups_at_once);
    const conv_constants constants = conv_constants_of(p, kept, y_begin);
    conv_pixels pixels = {y_begin, 0, 0, 0}, groups[TD_CONV_MAX_GROUPS];
    conv_places places[TD_CONV_MAX_GROUPS];
    const int32_t at_once = conv_pairs_at_once(steps), most = p->groups_at_once;
    int32_t left = (y_end - y_begin) * p->output_width;
    while (left > 0) {
        int32_t count = 0;
        for (; count < most && left > 0; count++) {
            td_arena_s16 *const group = gathered + 2 * TD_CONV_PIXELS * steps * count;
            conv_next_pixels(p, &pixels, &left);
            if (is_unsigned) {
                conv_gather(p, &runs, input, &pixels, 1, group);
            } else {
                conv_gather(p, &runs, input, &pixels, 0, group);
            }
            groups[count] = pixels;
        }
        /* All that these pixels see has been read: from here on, its rows may be written to. */
        for (int32_t i = 0; i < count; i++) {
            conv_place_output(p, output, &groups[i], places[i].pixels);
        }
        conv_channels(p, &constants, gathered, steps, places, count, count > 1 ? at_once : p->output_channels);
    }
}

void td_conv_s8(const td_conv_params *p, const int8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end) {
    conv_rows(p, (const uint8_t *)input, 0, output, (td_arena_s16 *)scratch, y_begin, y_end);
}

void td_conv_u8(const td_conv_params *p, const uint8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end) {
    conv_rows(p, input, 1, output, (td_arena_s16 *)scratch, y_begin, y_end);
}
