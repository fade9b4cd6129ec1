/* ADD. */
#include "td_add_mve.h"
#include "td_dsp.h"
#include "td_tile.h"

enum { LEFT_SHIFT = 20 }; /* of both inputs, for accuracy; requant.add_multipliers takes it back */

/* Step by step as in the reference. */
TD_INLINE int32_t add_exactly(const td_add_params *p, int32_t a, int32_t b) {
    const int32_t scaled_a = td_rescale((a + p->a_offset) * (1 << LEFT_SHIFT), p->a_requant);
    const int32_t scaled_b = td_rescale((b + p->b_offset) * (1 << LEFT_SHIFT), p->b_requant);
    return td_rescale(scaled_a + scaled_b, p->output_requant) + p->output_offset;
}

/* factor * value / 2**8, rounded down. */
TD_INLINE int32_t add_scaled(int32_t factor, int32_t value) {
    return (int32_t)(((int64_t)factor * value) >> 8);
}

#ifdef TD_TILE
enum { ADD_AT_ONCE = 8 };
typedef int8_t add_values __attribute__((vector_size(ADD_AT_ONCE)));
typedef add_values add_values_at __attribute__((aligned(1), may_alias));
typedef int32_t add_sums __attribute__((vector_size(4 * ADD_AT_ONCE)));
#endif

/* `count` adjacent values by factors that give the same (requant.affine_add); in place.
 * Vectors hold 32 bits: there the lowest byte of a factor is multiplied apart. */
TD_RARE void add_run(const td_add_params *p, const int8_t *a, const int8_t *b, int8_t *output, int32_t count) {
    const int32_t a_factor = p->a_factor, b_factor = p->b_factor, addend = p->addend;
    const int32_t low = p->output_min, high = p->output_max;
    int32_t i = 0;
#ifdef TD_TILE
    for (; i + ADD_AT_ONCE <= count; i += ADD_AT_ONCE) {
        const add_sums a_values = __builtin_convertvector(*(const add_values_at *)(a + i), add_sums);
        const add_sums b_values = __builtin_convertvector(*(const add_values_at *)(b + i), add_sums);
        add_sums sums = addend + a_values * (a_factor >> 8) + ((a_values * (a_factor & 255)) >> 8);
        sums = (sums + b_values * (b_factor >> 8) + ((b_values * (b_factor & 255)) >> 8)) >> TD_ADD_SHIFT;
        const add_sums below = sums < low, above = sums > high;
        sums = (sums & ~(below | above)) | (below & low) | (above & high);
        *(add_values_at *)(output + i) = __builtin_convertvector(sums, add_values);
    }
#endif
    TD_RARE_LOOP
    for (; i < count; i++) {
        const int32_t sum = addend + add_scaled(a_factor, a[i]) + add_scaled(b_factor, b[i]);
        output[i] = (int8_t)td_clamp(sum >> TD_ADD_SHIFT, low, high);
    }
}

#if defined(TD_DSP) && !defined(TD_MVE)
/* The same without a clamp, four at a time; gives how many were done. Values are 256 times as large in the
 * halves of a word: SMLAW then divides by 2**16. Not inlined, so that all fits in registers. */
__attribute__((noinline)) static int32_t add_fours(const td_add_params *p, const int8_t *a, const int8_t *b,
                                                   int8_t *output, int32_t count) {
    const uint32_t odd = UINT32_C(0xFF00FF00);
    const int32_t a_factor = p->a_factor, b_factor = p->b_factor, addend = p->addend;
    const int8_t *const end = a + count - count % 4;
    for (; a < end; a += 4, b += 4, output += 4) {
        const uint32_t a_word = td_load_4(a), b_word = td_load_4(b);
        const uint32_t a_even = (a_word << 8) & odd, a_odd = a_word & odd;
        const uint32_t b_even = (b_word << 8) & odd, b_odd = b_word & odd;
        int32_t v_0 = td_add_scaled_bottom(td_add_scaled_bottom(addend, a_factor, a_even), b_factor, b_even);
        int32_t v_1 = td_add_scaled_bottom(td_add_scaled_bottom(addend, a_factor, a_odd), b_factor, b_odd);
        int32_t v_2 = td_add_scaled_top(td_add_scaled_top(addend, a_factor, a_even), b_factor, b_even);
        int32_t v_3 = td_add_scaled_top(td_add_scaled_top(addend, a_factor, a_odd), b_factor, b_odd);
        TD_SHIFT_TO_S8(v_0, v_0, TD_ADD_SHIFT);
        TD_SHIFT_TO_S8(v_1, v_1, TD_ADD_SHIFT);
        TD_SHIFT_TO_S8(v_2, v_2, TD_ADD_SHIFT);
        TD_SHIFT_TO_S8(v_3, v_3, TD_ADD_SHIFT);
        output[0] = (int8_t)v_0;
        output[1] = (int8_t)v_1;
        output[2] = (int8_t)v_2;
        output[3] = (int8_t)v_3;
    }
    return count - count % 4;
}
#endif

TD_INLINE void add_dense_row(const td_add_params *p, const int8_t *a, const int8_t *b, int8_t *output) {
    int32_t done = 0;
#if defined(TD_MVE)
    add_run_mve(p, a, b, output, p->walk.shape[2]);
    done = p->walk.shape[2];
#elif defined(TD_DSP)
    if (p->output_min == -128 && p->output_max == 127) {
        done = add_fours(p, a, b, output, p->walk.shape[2]);
    }
#endif
    add_run(p, a + done, b + done, output + done, p->walk.shape[2] - done);
}

TD_RARE void add_any_row(const td_add_params *p, const int8_t *a, const int8_t *b, int8_t *output) {
    const td_pair_walk *walk = &p->walk;
    for (int32_t x = 0; x < walk->shape[1]; x++) {
        const int8_t *a_run = a + (ptrdiff_t)x * walk->a_stride[1];
        const int8_t *b_run = b + (ptrdiff_t)x * walk->b_stride[1];
        TD_RARE_LOOP
        for (int32_t c = 0; c < walk->shape[2]; c++) {
            const int32_t value = add_exactly(p, *a_run, *b_run);
            *output++ = (int8_t)td_clamp(value, p->output_min, p->output_max);
            a_run += walk->a_stride[2];
            b_run += walk->b_stride[2];
        }
    }
}

void td_add_s8(const td_add_params *p, const int8_t *a, const int8_t *b, int8_t *output, int32_t y_begin,
               int32_t y_end) {
    const td_pair_walk *walk = &p->walk;
    const ptrdiff_t output_row = (ptrdiff_t)walk->shape[1] * walk->shape[2];
    const int is_dense = walk->shape[1] == 1 && walk->a_stride[2] == 1 && walk->b_stride[2] == 1;
    for (int32_t y = y_begin; y < y_end; y++) {
        const int8_t *a_row = a + (ptrdiff_t)(y % walk->a_ring) * walk->a_stride[0];
        const int8_t *b_row = b + (ptrdiff_t)(y % walk->b_ring) * walk->b_stride[0];
        int8_t *out = output + (y % walk->output_ring) * output_row;
        if (p->is_affine && is_dense) {
            add_dense_row(p, a_row, b_row, out);
#ifdef TD_MVE
        } else if (is_dense) {
            add_run_exactly_mve(p, a_row, b_row, out, walk->shape[2]);
#endif
        } else {
            add_any_row(p, a_row, b_row, out);
        }
    }
}
