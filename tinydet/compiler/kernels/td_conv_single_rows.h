/* td_conv_single_rows.h: CONV_2D by td_conv_single.h. Not for callers: a part of td_conv.c, which defines what it uses. */
#ifndef TD_CONV_SINGLE_ROWS_H
#define TD_CONV_SINGLE_ROWS_H

#include "td_conv_single_call.h"

#ifdef TD_CONV_SINGLE

/* Whether a pixel of the output sees only what lies below it. */
TD_INLINE int conv_is_pointwise(const td_conv_params *p) {
    return p->filter_height * p->filter_width * p->stride_height * p->stride_width == 1 &&
           p->input_width == p->output_width && p->input_height == p->output_height && p->pad_top + p->pad_left == 0;
}

/* The group behind another one; all of both are whole. */
TD_INLINE void conv_next_group(const td_conv_params *p, conv_pixel *pixel) {
    pixel->x += TD_CONV_PIXELS;
    if (pixel->x == p->output_width) {
        pixel->x = 0;
        pixel->y++;
    }
}

/* Four adjacent pixels. */
TD_INLINE void conv_gather_adjacent(const uint8_t *from, int32_t channels, td_arena_s16 *out) {
    const uint8_t *const in[TD_CONV_PIXELS] = {from, from + channels, from + 2 * channels, from + 3 * channels};
    if (channels % 4 == 0) {
        conv_gather_s8_dsp(in, channels / 4, out);
    } else if (conv_is_short(channels, 0)) {
        conv_gather_short(from, channels, channels, 0, out);
    } else {
        conv_gather_inside(in, channels, 0, out);
    }
}

/* Windows of short runs, of four pixels of a row that lie inside the image; 0: they do not. */
TD_INLINE int conv_gather_short_runs(const td_conv_params *p, const conv_runs *runs, const uint8_t *input,
                                     const conv_pixels *pixels, int is_unsigned, td_arena_s16 *out) {
    const int32_t x = pixels->x * p->stride_width - p->pad_left, step = p->stride_width * p->input_channels;
    int32_t y = pixels->y * p->stride_height - p->pad_top;
    if (!conv_is_short(runs->length, is_unsigned) || runs->columns > 1 || y < 0 || x < 0 ||
        y + (runs->rows - 1) * p->dilation_height >= p->input_height ||
        x + (TD_CONV_PIXELS - 1) * p->stride_width + runs->pixels > p->input_width) {
        return 0;
    }
    TD_RARE_LOOP
    for (int32_t i = 0; i < runs->rows; i++, y += p->dilation_height, out += 2 * TD_CONV_PIXELS * runs->pairs) {
        const uint8_t *in = conv_input_row(p, input, y) + (ptrdiff_t)x * p->input_channels;
        conv_gather_short(in, step, runs->length, is_unsigned, out);
    }
    return 1;
}

/* Windows of four pixels of a row. Not inlined: the code around it shall fit in a small cache. */
TD_CONV_SHARED void conv_gather_windows(const td_conv_params *p, const conv_runs *runs, const uint8_t *input,
                                        conv_pixel first, int is_unsigned, td_arena_s16 *out) {
    const conv_pixels pixels = {first.y, first.x, TD_CONV_PIXELS, 1};
    if (!conv_gather_short_runs(p, runs, input, &pixels, is_unsigned, out)) {
        conv_gather(p, runs, input, &pixels, is_unsigned, out);
    }
}

/* Where an output row begins; its pads are filled. */
TD_INLINE int8_t *conv_output_row(const td_conv_params *p, int8_t *output, int32_t y) {
    int8_t *const row = output + (ptrdiff_t)(y < p->output_ring ? y : y % p->output_ring) * p->output_row_bytes;
    if (p->output_pad_left + p->output_pad_right > 0) {
        conv_fill_pads(p, row);
    }
    return row + p->output_pad_left;
}

/* The same as conv_rows_of_fours, one group after the other. */
TD_CONV_SHARED void conv_simple_rows(conv_call *call, const conv_runs *runs, const uint8_t *input, int is_unsigned,
                                     int8_t *output, td_arena_s16 *gathered, int32_t y_begin, int32_t y_end) {
    const td_conv_params *const p = call->p;
    const int32_t in_step = TD_CONV_PIXELS * p->input_channels, out_step = TD_CONV_PIXELS * p->pixel_stride;
    const int is_pointwise = !is_unsigned && conv_is_pointwise(p), is_in_quads = call->quads > 0;
    conv_task *const task = &call->task;
    task->gathered_end = gathered + call->group;
    for (int32_t y = y_begin; y < y_end; y++) {
        const uint8_t *in = is_pointwise ? conv_input_row(p, input, y) : NULL;
        int8_t *out = NULL;
        for (int32_t x = 0; x < p->output_width; x += TD_CONV_PIXELS) {
            if (is_pointwise) {
                conv_gather_adjacent(in, p->input_channels, gathered);
                in += in_step;
            } else {
                conv_gather_windows(p, runs, input, (conv_pixel){y, x}, is_unsigned, gathered);
            }
            /* All that these pixels see has been read: from here on, its rows may be written to. */
            out = x == 0 ? conv_output_row(p, output, y) : out + out_step;
            task->output = out;
            task->gathered = gathered;
            conv_run_channels(call, task, is_in_quads);
        }
    }
}

/* Where each group of four pixels lies in one row. */
TD_CONV_SHARED void conv_rows_of_fours(conv_call *call, const conv_runs *runs, const uint8_t *input, int is_unsigned,
                                       int8_t *output, td_arena_s16 *gathered, int32_t y_begin, int32_t y_end) {
    const td_conv_params *const p = call->p;
    const int32_t channels = p->input_channels;
    const int is_pointwise = !is_unsigned && conv_is_pointwise(p);
    conv_places places[TD_CONV_MAX_GROUPS];
    conv_pixel from = {y_begin, 0}, to = from;
    const uint8_t *in = NULL;
    int8_t *out = NULL;
    while (from.y < y_end) {
        td_arena_s16 *end = gathered;
        int32_t count = 0;
        for (; count < call->groups_at_once && from.y < y_end; count++, conv_next_group(p, &from)) {
            if (is_pointwise) {
                if (from.x == 0) {
                    in = conv_input_row(p, input, from.y);
                }
                conv_gather_adjacent(in, channels, end);
                in += TD_CONV_PIXELS * channels;
            } else {
                conv_gather_windows(p, runs, input, from, is_unsigned, end);
            }
            end += call->group;
        }
        /* All that these pixels see has been read: from here on, its rows may be written to. */
        for (int32_t i = 0; i < count; i++, conv_next_group(p, &to)) {
            if (to.x == 0) {
                out = conv_output_row(p, output, to.y);
            }
            places[i].pixels[0] = out;
            places[i].pixels[1] = NULL;
            out += TD_CONV_PIXELS * p->pixel_stride;
        }
        conv_all_pairs(call, gathered, places, count);
    }
}

TD_CONV_SHARED void conv_single_rows(const td_conv_params *p, const conv_runs *runs, const uint8_t *input, int is_unsigned,
                                     int8_t *output, td_arena_s16 *gathered, int32_t y_begin, int32_t y_end) {
    const ptrdiff_t steps = (ptrdiff_t)runs->rows * runs->columns * runs->pairs, group = 2 * TD_CONV_PIXELS * steps;
    conv_call call;
    conv_begin(&call, p, steps, (int8_t *)(gathered + group * p->groups_at_once), y_begin);
    if (p->output_width % TD_CONV_PIXELS == 0) {
        if (call.is_simple) {
            conv_simple_rows(&call, runs, input, is_unsigned, output, gathered, y_begin, y_end);
            return;
        }
        conv_rows_of_fours(&call, runs, input, is_unsigned, output, gathered, y_begin, y_end);
        return;
    }
    conv_pixels pixels = {y_begin, 0, 0, 0}, groups[TD_CONV_MAX_GROUPS];
    conv_places places[TD_CONV_MAX_GROUPS];
    int32_t left = (y_end - y_begin) * p->output_width;
    while (left > 0) {
        int32_t count = 0;
        for (; count < call.groups_at_once && left > 0; count++) {
            conv_next_pixels(p, &pixels, &left);
            conv_gather(p, runs, input, &pixels, is_unsigned, gathered + group * count);
            groups[count] = pixels;
        }
        for (int32_t i = 0; i < count; i++) {
            conv_place_output(p, output, &groups[i], places[i].pixels);
            int8_t **const pixels_of = places[i].pixels;
            if (pixels_of[1] - pixels_of[0] == p->pixel_stride && pixels_of[2] - pixels_of[1] == p->pixel_stride &&
                pixels_of[3] - pixels_of[2] == p->pixel_stride) {
                pixels_of[1] = NULL;
            }
        }
        conv_all_pairs(&call, gathered, places, count);
    }
}

#endif
#endif /* TD_CONV_SINGLE_ROWS_H */
