/* td_conv_vector_mve.h: the form of td_conv_vector.c in Helium (Cortex-M55, M85). Not for callers.
 *
 * Four pixels in one row are gathered by whole vectors. Those of windows of one step are not gathered at all: they
 * are read into registers. Some groups wait for each other, so that weights that do not stay in the cache are read once
 * for all of these. */
#ifndef TD_CONV_VECTOR_MVE_H
#define TD_CONV_VECTOR_MVE_H

#include "td_conv_vector.h"

#ifdef TD_MVE

enum {
    CACHED_BYTES = 8192, /* of weights, used for one group of pixels after the other */
    OWN_BYTES = 1024     /* of the stack, where `scratch` has room for less */
};

/* From the pixel that lies first in memory to both channels of each, for a pair of channels [0] and for a single one
 * [1]. */
typedef struct {
    uint16_t offsets[2][2 * PIXELS];
} vector_offsets_mve;

/* Groups of four pixels, one after the other in a row, that wait for their channels; or a single one. */
typedef struct {
    const int8_t *from; /* what they see */
    int8_t *output;     /* the first channel of the pixel that lies first in memory; NULL: `places` lie too far apart */
    int32_t count;
    int is_apart; /* its pixels are not adjacent: they have been gathered, and `own` are their offsets */
    vector_offsets_mve own;
    vector_places places;
} vector_groups_mve;

/* What is the same for all groups of a call. */
typedef struct {
    const td_conv_vector_params *p;
    const uint8_t *input;
    int8_t *output;
    uint8_t flip;
    int is_point, is_resident;           /* windows of one pixel inside the image; read where they lie */
    int32_t pairs_at_once, offset_limit; /* a pixel may lie so far behind the first one */
    int32_t pixel_bytes, group_bytes;    /* from window to window in the input, and from group to group when gathered */
    conv_vector_form_mve *form;
    vector_offsets_mve in_row;
} vector_call_mve;

/* Offsets have 16 bits, and grow from channel to channel. */
TD_INLINE int32_t vector_channels_reach(const td_conv_vector_params *p) {
    return (p->output_channels + 1) * p->channel_stride;
}

TD_INLINE int vector_is_for_mve(const td_conv_vector_params *p) {
    return p->is_plain && (PIXELS - 1) * p->pixel_stride + vector_channels_reach(p) <= UINT16_MAX;
}

/* Up to sixteen values of each of four pixels, which lie `from_step` and then `to_step` bytes apart. */
TD_INLINE void vector_four_mve(const uint8_t *from, int32_t from_step, mve_pred16_t these, uint8_t flip, uint8_t *to,
                               int32_t to_step) {
    uint8x16_t a = vldrbq_z_u8(from, these), b = vldrbq_z_u8(from + from_step, these);
    uint8x16_t c = vldrbq_z_u8(from + 2 * from_step, these), d = vldrbq_z_u8(from + 3 * from_step, these);
    if (flip != 0) {
        const uint8x16_t flips = vdupq_n_u8(flip);
        a = veorq_u8(a, flips), b = veorq_u8(b, flips), c = veorq_u8(c, flips), d = veorq_u8(d, flips);
    }
    vst1q_u8(to, a);
    vst1q_u8(to + to_step, b);
    vst1q_u8(to + 2 * to_step, c);
    vst1q_u8(to + 3 * to_step, d);
}

/* All channels of groups of pixels. */
__attribute__((noinline)) static void vector_gather_points(const vector_call_mve *call, const uint8_t *from,
                                                           int32_t count, int8_t *gathered) {
    const int32_t step = call->pixel_bytes, channels = call->p->input_channels;
    const mve_pred16_t all = vctp8q(STEP), rest = vctp8q((uint32_t)(channels % STEP));
    uint8_t *to = (uint8_t *)gathered;
    for (; count > 0; count--, from += PIXELS * step) {
        int32_t c = 0;
        for (; c + STEP <= channels; c += STEP, to += PIXELS * STEP) {
            vector_four_mve(from + c, step, all, call->flip, to, STEP);
        }
        if (c < channels) {
            vector_four_mve(from + c, step, rest, call->flip, to, STEP);
            to += PIXELS * STEP;
        }
    }
}

/* Windows of groups of pixels in one row; by whole vectors, where they lie inside the image and take little memory. */
__attribute__((noinline)) static void vector_gather_windows(const vector_call_mve *call, vector_pixels pixels,
                                                            int32_t count, int8_t *gathered) {
    enum { MOST = 64, ROWS = 8 }; /* values, rows of a filter */
    const td_conv_vector_params *p = call->p;
    const int32_t y = pixels.y * p->stride_height - p->pad_top, run = p->filter_width * p->input_channels;
    const int is_fast = p->dilation_width == 1 && p->steps * STEP <= MOST && p->filter_height <= ROWS && run <= STEP &&
                        y >= 0 && y + (p->filter_height - 1) * p->dilation_height < p->input_height;
    const int32_t last_x = p->input_width - p->filter_width - (PIXELS - 1) * p->stride_width;
    const mve_pred16_t all = vctp8q(STEP), these = vctp8q((uint32_t)run);
    const uint8_t *rows[ROWS];
    for (int32_t i = 0; is_fast && i < p->filter_height; i++) {
        rows[i] = vector_input_row(p, call->input, y + i * p->dilation_height);
    }
    for (; count > 0; count--, pixels.x += PIXELS, gathered += call->group_bytes) {
        uint8_t windows[PIXELS][MOST + STEP]; /* each row over what is too much of the one before */
        const int32_t x = pixels.x * p->stride_width - p->pad_left;
        if (!is_fast || x < 0 || x > last_x) {
            vector_gather(p, call->input, &pixels, call->flip, gathered);
            continue;
        }
        const int32_t at = x * p->input_channels;
        uint8_t *to = windows[0];
        for (int32_t i = 0; i < p->filter_height; i++, to += run) {
            vector_four_mve(rows[i] + at, call->pixel_bytes, these, 0, to, MOST + STEP);
        }
        to = (uint8_t *)gathered;
        for (int32_t i = 0; i < p->steps; i++, to += PIXELS * STEP) {
            vector_four_mve(windows[0] + STEP * i, MOST + STEP, all, call->flip, to, STEP);
        }
    }
}

/* Four pixels through the end of a row, or fewer. */
__attribute__((noinline)) static void vector_group_apart(const vector_call_mve *call, const vector_pixels *pixels,
                                                         int8_t *gathered, vector_groups_mve *group) {
    const td_conv_vector_params *p = call->p;
    vector_gather(p, call->input, pixels, call->flip, gathered);
    group->places = vector_place_output(p, call->output, pixels);
    int8_t *first = group->places.pixels[0];
    for (int32_t k = 1; k < PIXELS; k++) {
        first = group->places.pixels[k] < first ? group->places.pixels[k] : first;
    }
    group->from = gathered;
    group->output = first;
    group->is_apart = 1;
    for (int32_t i = 0; i < 2 * PIXELS; i++) {
        const ptrdiff_t offset = group->places.pixels[i / 2] - first;
        if (offset > call->offset_limit) {
            group->output = NULL;
        }
        group->own.offsets[0][i] = (uint16_t)(offset + i % 2 * p->channel_stride);
        group->own.offsets[1][i] = (uint16_t)offset;
    }
}

/* `count` groups in one row. */
TD_INLINE void vector_groups_in_row(const vector_call_mve *call, vector_pixels pixels, int32_t count, int8_t *gathered,
                                    vector_groups_mve *groups) {
    const td_conv_vector_params *p = call->p;
    int8_t *const row = vector_output_row(p, call->output, pixels.y);
    groups->is_apart = 0;
    groups->from = gathered;
    if (call->is_point) {
        const uint8_t *from = vector_input_row(p, call->input, pixels.y * p->stride_height);
        from += (ptrdiff_t)pixels.x * call->pixel_bytes;
        if (call->is_resident) {
            groups->from = (const int8_t *)from;
        } else {
            vector_gather_points(call, from, count, gathered);
        }
    } else {
        vector_gather_windows(call, pixels, count, gathered);
    }
    if (pixels.x == 0) {
        vector_fill_pads(p, row); /* may lie over rows that are not needed any more */
    }
    groups->output = row + p->output_pad_left + (ptrdiff_t)pixels.x * p->pixel_stride;
}

/* Pairs [begin, end) of channels; `is_single`: the last one of an odd number. */
__attribute__((noinline)) static void vector_pairs_mve(const vector_call_mve *call, const vector_groups_mve *groups,
                                                       int32_t begin, int32_t end, int is_single) {
    const td_conv_vector_params *p = call->p;
    const int is_read_here = call->is_resident && !groups->is_apart;
    if (groups->output == NULL) {
        return;
    }
    conv_vector_block block; /* no initialiser: compilers call memset */
    block.gathered = groups->from;
    block.gathered_end = groups->from + call->group_bytes;
    block.weights = p->weights + 2 * STEP * (ptrdiff_t)p->steps * begin;
    block.channels = p->channels + begin;
    block.channels_end = p->channels + end;
    block.output = groups->output + 2 * (ptrdiff_t)begin * p->channel_stride;
    block.pair_stride = 2 * p->channel_stride;
    block.offsets = groups->is_apart ? groups->own.offsets[is_single] : call->in_row.offsets[is_single];
    block.output_offset = p->output_offset;
    block.steps = p->steps;
    block.pixel_bytes = is_read_here ? call->pixel_bytes : STEP;
    block.values = is_read_here ? p->input_channels : STEP;
    block.groups = groups->count;
    block.group_bytes = is_read_here ? PIXELS * call->pixel_bytes : call->group_bytes;
    block.group_output_bytes = PIXELS * p->pixel_stride;
    call->form(&block);
}

/* All channels of some groups: as many pairs at a time as stay in the cache from group to group. */
TD_INLINE void vector_channels_mve(const vector_call_mve *call, const vector_groups_mve *groups, int32_t count) {
    const td_conv_vector_params *p = call->p;
    const int32_t whole_pairs = p->output_channels / 2;
    for (int32_t begin = 0; begin < whole_pairs; begin += call->pairs_at_once) {
        const int32_t left = whole_pairs - begin;
        for (int32_t i = 0; i < count; i++) {
            const int32_t end = begin + (left < call->pairs_at_once ? left : call->pairs_at_once);
            vector_pairs_mve(call, &groups[i], begin, end, 0);
        }
    }
    for (int32_t i = 0; i < count; i++) {
        if (2 * whole_pairs < p->output_channels) {
            vector_pairs_mve(call, &groups[i], whole_pairs, whole_pairs + 1, 1);
        }
        if (groups[i].output == NULL) {
            vector_block(p, groups[i].from, &groups[i].places);
        }
    }
}

/* All but the input and the output. */
TD_INLINE void vector_begin_call(const td_conv_vector_params *p, uint8_t flip, vector_call_mve *call) {
    const uint16x8_t lanes = vidupq_n_u16(0, 1), pixels = vmulq_n_u16(vshrq_n_u16(lanes, 1), (uint16_t)p->pixel_stride);
    const uint16x8_t halves = vandq_u16(lanes, vdupq_n_u16(1));
    call->p = p;
    call->flip = flip;
    call->is_point = p->filter_height == 1 && p->filter_width == 1 && p->pad_top == 0 && p->pad_left == 0 &&
                     (p->output_height - 1) * p->stride_height < p->input_height &&
                     (p->output_width - 1) * p->stride_width < p->input_width;
    call->is_resident = call->is_point && p->steps == 1 && flip == 0;
    call->pairs_at_once = 1 + CACHED_BYTES / (2 * STEP * p->steps);
    call->offset_limit = UINT16_MAX - vector_channels_reach(p);
    call->pixel_bytes = p->stride_width * p->input_channels;
    call->group_bytes = PIXELS * STEP * p->steps;
    call->form = conv_vector_form(p->steps, p->is_positive);
    vst1q_u16(call->in_row.offsets[0], vmlaq_n_u16(pixels, halves, (uint16_t)p->channel_stride));
    vst1q_u16(call->in_row.offsets[1], pixels);
}

/* Whether rows [y_begin, y_end) are one row: neither input nor output has anything between them. */
TD_INLINE int vector_is_one_row(const vector_call_mve *call, int32_t y_begin, int32_t y_end) {
    const td_conv_vector_params *p = call->p;
    return call->is_point && p->stride_height == 1 && p->stride_width == 1 && p->input_width == p->output_width &&
           p->pixel_stride == p->output_channels && p->channel_stride == 1 &&
           p->output_row_bytes == p->output_width * p->pixel_stride &&
           y_begin % p->input_ring + y_end - y_begin <= p->input_ring &&
           y_begin % p->output_ring + y_end - y_begin <= p->output_ring;
}

TD_INLINE void vector_rows_mve(const td_conv_vector_params *p, const uint8_t *input, uint8_t flip, int8_t *output,
                               int8_t *gathered, int32_t y_begin, int32_t y_end) {
    _Alignas(16) int8_t own[OWN_BYTES];
    vector_call_mve call;
    vector_begin_call(p, flip, &call);
    call.input = input;
    call.output = output;
    int32_t groups_at_once = p->groups_at_once;
    if (groups_at_once < OWN_BYTES / call.group_bytes) {
        groups_at_once = OWN_BYTES / call.group_bytes;
        gathered = own;
    }
    int32_t left = (y_end - y_begin) * p->output_width;
    const int32_t width = vector_is_one_row(&call, y_begin, y_end) ? left : p->output_width;
    vector_pixels at = {y_begin, 0, PIXELS};
    while (left > 0) {
        vector_groups_mve parts[TD_CONV_MAX_GROUPS];
        int32_t part = 0, free = groups_at_once;
        do {
            vector_groups_mve *groups = &parts[part++];
            int8_t *to = gathered + (groups_at_once - free) * (ptrdiff_t)call.group_bytes;
            at.count = left < PIXELS ? left : PIXELS;
            groups->count = (width - at.x) / PIXELS;
            if (groups->count == 0) {
                groups->count = 1;
                vector_group_apart(&call, &at, to, groups);
            } else {
                if (!call.is_resident && groups->count > free) {
                    groups->count = free;
                }
                vector_groups_in_row(&call, at, groups->count, to, groups);
                at.count = PIXELS * groups->count;
            }
            free -= groups->count;
            left -= at.count;
            for (at.x += at.count; at.x >= width; at.x -= width) {
                at.y++;
            }
        } while (part < TD_CONV_MAX_GROUPS && free > 0 && left > 0 && !call.is_resident);
        vector_channels_mve(&call, parts, part);
    }
}

#endif
#endif /* TD_CONV_VECTOR_MVE_H */
