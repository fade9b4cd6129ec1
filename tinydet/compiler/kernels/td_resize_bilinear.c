/* RESIZE_BILINEAR. */
#include "td_dsp.h"
#include "td_resize_mve.h"

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

TD_RARE void resize_row(const td_resize_bilinear_params *p, const int8_t *input, int8_t *output, int32_t y) {
    const ptrdiff_t row = (ptrdiff_t)p->input_width * p->channels;
    const resize_place v = resize_place_of(y, p->height_scale_10, p->half_pixel_centers, p->input_height);
    const int8_t *lower = input + v.lower % p->input_ring * row;
    const int8_t *upper = input + v.upper % p->input_ring * row;
    for (int32_t x = 0; x < p->output_width; x++) {
        const resize_place h = resize_place_of(x, p->width_scale_10, p->half_pixel_centers, p->input_width);
        const ptrdiff_t left = (ptrdiff_t)h.lower * p->channels;
        const ptrdiff_t right = (ptrdiff_t)h.upper * p->channels;
        TD_RARE_LOOP
        for (int32_t c = 0; c < p->channels; c++) {
            /* Four products of at most 128 * 1536 * 1536 each: no overflow. */
            const int32_t sum = lower[left + c] * v.lower_weight * h.lower_weight +
                                upper[left + c] * v.upper_weight * h.lower_weight +
                                lower[right + c] * v.lower_weight * h.upper_weight +
                                upper[right + c] * v.upper_weight * h.upper_weight;
            const int32_t half = sum > 0 ? 1 << 19 : -(1 << 19);
            *output++ = (int8_t)((sum + half) / (1 << 20)); /* halves away from zero */
        }
    }
}

/* Twice the size, by half-pixel centres: the nearest pixel counts 3/4, its neighbour in that direction 1/4, in both
 * directions; at the edges the neighbour is the pixel itself. `near` and `far` are the two input rows. */
TD_INLINE int8_t resize_sixteenths(int32_t sum) {
    return (int8_t)((sum + 8 + (sum >> 31)) >> 4); /* halves away from zero */
}

TD_RARE void resize_twice(const int8_t *restrict near, const int8_t *restrict far, int8_t *restrict output,
                            int32_t width, int32_t channels, int32_t channel) {
    for (int32_t x = 0; x < width; x++) {
        const ptrdiff_t here = (ptrdiff_t)x * channels;
        const ptrdiff_t left = x > 0 ? here - channels : here;
        const ptrdiff_t right = x + 1 < width ? here + channels : here;
        TD_RARE_LOOP
        for (int32_t c = channel; c < channels; c++) {
            const int32_t value = 3 * (3 * near[here + c] + far[here + c]);
            output[2 * here + c] = resize_sixteenths(value + 3 * near[left + c] + far[left + c]);
            output[2 * here + channels + c] = resize_sixteenths(value + 3 * near[right + c] + far[right + c]);
        }
    }
}

#if defined(TD_DSP) && !defined(TD_MVE)
/* Four channels, as int16 in two words. */
typedef struct {
    uint32_t even, odd;
} resize_four;

TD_INLINE uint32_t resize_three(uint32_t halves) {
    return td_add_halves(td_add_halves(halves, halves), halves);
}

/* 3/4 and 1/4 of two rows, in quarters. */
TD_INLINE resize_four resize_column(const int8_t *near, const int8_t *far) {
    const uint32_t n = td_load_4(near), f = td_load_4(far);
    const resize_four sum = {td_add_halves(resize_three(td_even_bytes(n)), td_even_bytes(f)),
                             td_add_halves(resize_three(td_odd_bytes(n)), td_odd_bytes(f))};
    return sum;
}

TD_INLINE void resize_store(int8_t *output, resize_four three, resize_four other) {
    const uint32_t half = UINT32_C(0x00080008), less = UINT32_C(0x00070007);
    const uint32_t even = td_add_halves_and_choice(three.even, other.even, half, less);
    const uint32_t odd = td_add_halves_and_choice(three.odd, other.odd, half, less);
    td_store_4(output, (even >> 4 & UINT32_C(0x00FF00FF)) | (odd << 4 & UINT32_C(0xFF00FF00)));
}

/* The same for four channels at a time; gives how many channels were done. */
__attribute__((noinline)) static int32_t resize_twice_fours(const int8_t *near, const int8_t *far, int8_t *output,
                                                            int32_t width, int32_t channels) {
    int32_t c = 0;
    for (; c + 4 <= channels; c += 4) {
        const int8_t *n = near + c, *f = far + c;
        int8_t *out = output + c;
        resize_four here = resize_column(n, f), left = here;
        for (int32_t x = 1; x <= width; x++) {
            n += x < width ? channels : 0;
            f += x < width ? channels : 0;
            const resize_four right = resize_column(n, f);
            const resize_four three = {resize_three(here.even), resize_three(here.odd)};
            resize_store(out, three, left);
            resize_store(out + channels, three, right);
            out += 2 * channels;
            left = here;
            here = right;
        }
    }
    return c;
}
#endif

static void resize_twice_row(const td_resize_bilinear_params *p, const int8_t *input, int8_t *output, int32_t y) {
    const ptrdiff_t row = (ptrdiff_t)p->input_width * p->channels;
    const int32_t nearest = y / 2;
    const int32_t neighbour = td_clamp(nearest + (y % 2 == 0 ? -1 : 1), 0, p->input_height - 1);
    const int8_t *near = input + nearest % p->input_ring * row;
    const int8_t *far = input + neighbour % p->input_ring * row;
    int32_t channel = 0;
#if defined(TD_MVE)
    resize_twice_mve(near, far, output, p->input_width, p->channels);
    channel = p->channels;
#elif defined(TD_DSP)
    channel = resize_twice_fours(near, far, output, p->input_width, p->channels);
#endif
    if (channel < p->channels) {
        resize_twice(near, far, output, p->input_width, p->channels, channel);
    }
}

void td_resize_bilinear_s8(const td_resize_bilinear_params *p, const int8_t *input, int8_t *output,
                           int32_t y_begin, int32_t y_end) {
    const ptrdiff_t row = (ptrdiff_t)p->output_width * p->channels;
    const int is_twice = p->half_pixel_centers && p->height_scale_10 == 512 && p->width_scale_10 == 512 &&
                         p->output_height == 2 * p->input_height && p->output_width == 2 * p->input_width;
    for (int32_t y = y_begin; y < y_end; y++) {
        int8_t *out = output + y % p->output_ring * row;
        if (is_twice) {
            resize_twice_row(p, input, out, y);
        } else {
            resize_row(p, input, out, y);
        }
    }
}
