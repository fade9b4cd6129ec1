/* td_conv_single_call.h: the channels of gathered groups, by td_conv_single.h and td_conv_quads.h: what is the same for a
 * whole call of CONV_2D, and the tasks of each group. Not for callers: a part of td_conv.c, which defines what it uses. */
#ifndef TD_CONV_SINGLE_CALL_H
#define TD_CONV_SINGLE_CALL_H

#include "td_conv_quads.h"

#ifdef TD_CONV_SINGLE

#if defined(__ARM_ARCH_7EM__)
#define TD_CONV_COPIES_WEIGHTS 1 /* no cache holds them, and flash is slow */
#endif

enum { CONV_PAIRS_AT_ONCE = 16 /* whose factors are on the stack */, CONV_CACHED_BYTES = 4096 };
enum { CONV_OWN_WEIGHT_BYTES = 512 /* on the stack: the first layers, whose arena has no room for them */ };

typedef void conv_run(const conv_task *task);

/* What is the same for all groups of a call. */
typedef struct {
    const td_conv_params *p;
    conv_run *run;
    int is_planar;   /* so does it leave its results */
    int32_t group;   /* values that are gathered for four pixels */
    int32_t whole;   /* pairs of two channels */
    int32_t quads;   /* of these, so many whose copied weights are in the order of td_conv_quads.h */
    const int8_t *weights; /* in flash, or copied from there */
    int is_copied;
    const conv_factors *kept; /* NULL: those of pairs [first, first + CONV_PAIRS_AT_ONCE) are in own */
    int32_t first;
    int32_t groups_at_once, pairs_at_once;
    int is_simple;  /* all channels are of one task, which differs from group to group in few things: */
    conv_task task;
    conv_factors own[CONV_PAIRS_AT_ONCE];
#ifdef TD_CONV_COPIES_WEIGHTS
    uint32_t own_weights[CONV_OWN_WEIGHT_BYTES / 4];
#endif
} conv_call;

/* Whether all this can do a convolution: of windows of at least two steps. */
TD_INLINE int conv_is_single(const td_conv_params *p, ptrdiff_t steps) {
    return p->is_plain && steps > 1;
}

/* Whether sums go through conv_task_positive. */
TD_INLINE int conv_is_planar_positive(const td_conv_params *p) {
    return p->is_positive && p->pixel_stride == 1;
}

/* The factors of pairs [begin, end). The powers are 2**(32 - right shift); right shifts are at least 2. */
TD_CONV_SHARED void conv_prepare(const td_conv_params *p, int32_t begin, int32_t end, conv_factors *to) {
    const uint32_t top = UINT32_C(1) << 31, first_in_second = p->is_joined ? UINT32_MAX : 0;
    const int32_t start_bits = p->is_joined ? 8 : 0;
    const int32_t factor_bits = conv_is_planar_positive(p) ? 1 : 0, power_bits = 7 * factor_bits;
    for (const td_conv_channels *c = p->channels + begin; c < p->channels + end; c++, to++) {
        const uint32_t first_bias = (uint32_t)c->first_bias, second_bias = (uint32_t)c->second_bias;
        to->first_start = c->first_bias;
        to->second_start = (int32_t)((first_bias & first_in_second) + (second_bias << start_bits));
        to->first_multiplier = c->first_multiplier;
        to->first_power = (int32_t)(top >> c->first_shift);
        to->second_multiplier = (int32_t)((uint32_t)c->second_multiplier >> factor_bits);
        to->second_power = (int32_t)(top >> c->second_shift) >> power_bits;
    }
}

TD_INLINE conv_run *conv_run_of(const td_conv_params *p, ptrdiff_t steps) {
    if (conv_is_planar_positive(p)) {
        return steps == 4    ? conv_task_positive_4
               : steps == 8  ? conv_task_positive_8
               : steps == 15 ? conv_task_positive_15
                             : conv_task_positive;
    }
    return p->is_joined ? conv_task_joined : steps == 8 ? conv_task_split_8 : conv_task_split;
}

/* As conv_copy; all is 4-byte aligned. */
TD_CONV_SHARED void conv_copy_words(const int8_t *from, int8_t *to, int32_t count) {
    TD_RARE_LOOP
    for (; count >= 32; count -= 32) {
        __asm__ volatile(
            "ldm %0!, {r3, r4, r5, r6, r8, r10, r12, lr}\n\t"
            "stm %1!, {r3, r4, r5, r6, r8, r10, r12, lr}"
            : "+r"(from), "+r"(to)
            :
            : "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "memory");
    }
    conv_copy(from, to, count);
}

/* Copied weights of `pairs` pairs of channels from pair `begin` on. */
TD_CONV_SHARED void conv_copy_weights(const conv_call *call, int32_t begin, int32_t pairs, int8_t *to) {
    const int32_t pair_bytes = call->group / 2;
    const int8_t *from = call->p->weights + begin * pair_bytes;
#ifdef TD_CONV_QUADS
    const int32_t left = call->quads - begin, quads = left < 0 ? 0 : left < pairs ? left : pairs;
    conv_copy_quads(from, to, pair_bytes / 4, quads);
    from += quads * pair_bytes;
    to += quads * pair_bytes;
    pairs -= quads;
#endif
    conv_copy_words(from, to, pairs * pair_bytes);
}

/* What all tasks of a call have in common, where each is of all channels. */
TD_INLINE void conv_begin_simple(conv_call *call, int32_t pairs) {
    const td_conv_params *const p = call->p;
    const int is_of_groups = call->groups_at_once < p->groups_at_once; /* their copies */
    const int is_in_quads = call->quads > 0;
    conv_task *const task = &call->task;
    call->is_simple = pairs == call->whole && pairs <= call->pairs_at_once && !is_of_groups &&
                      (call->is_planar || p->channel_stride == 1) &&
                      (!is_in_quads || (call->is_copied && call->quads == pairs));
    if (!call->is_simple) {
        return;
    }
    if (call->kept == NULL) {
        conv_prepare(p, 0, pairs, call->own);
    }
    task->factors = call->kept != NULL ? call->kept : call->own;
    task->weights = call->weights;
    task->last_weights = call->weights + call->group / 2 * pairs - 4;
    task->step = call->is_planar ? p->channel_stride : p->pixel_stride;
    task->offset = p->output_offset;
}

TD_INLINE void conv_begin(conv_call *call, const td_conv_params *p, ptrdiff_t steps, int8_t *kept, int32_t y_begin) {
    const int32_t pairs = (p->output_channels + 1) / 2;
    call->p = p;
    call->run = conv_run_of(p, steps);
    call->is_planar = conv_is_planar_positive(p);
    call->group = (int32_t)(2 * TD_CONV_PIXELS * steps);
    call->whole = p->output_channels / 2;
    call->quads = 0;
#ifdef TD_CONV_QUADS
    if (p->is_joined && (steps - CONV_QUADS_STEPS_LOST) * call->whole >= CONV_QUADS_CALL_LOST) {
        call->quads = call->whole & ~1;
    }
#endif
    call->weights = p->weights;
    call->is_copied = 0;
    call->kept = NULL;
    call->first = -1;
    call->groups_at_once = p->groups_at_once;
    call->pairs_at_once = 1 + (int32_t)(CONV_CACHED_BYTES / (4 * steps + 1));
    if (p->kept_weight_bytes > 0) {
        conv_factors *const factors = (conv_factors *)(void *)(kept + p->kept_weight_bytes);
        if (y_begin == 0) {
            conv_copy_weights(call, 0, pairs, kept);
            conv_prepare(p, 0, pairs, factors);
        }
        call->weights = kept;
        call->is_copied = 1;
        call->kept = factors;
        call->pairs_at_once = pairs;
    }
#ifdef TD_CONV_COPIES_WEIGHTS
    else if (pairs * (call->group / 2) <= CONV_OWN_WEIGHT_BYTES) {
        int8_t *const own = (int8_t *)call->own_weights;
        conv_copy_weights(call, 0, pairs, own);
        call->weights = own;
        call->is_copied = 1;
        call->pairs_at_once = pairs;
    } else if (p->groups_at_once > 2) { /* the room of some groups is that of a copy: a group takes that of four pairs */
        call->groups_at_once -= (p->groups_at_once + 2) / 4;
        call->pairs_at_once = TD_CONV_PIXELS * (p->groups_at_once - call->groups_at_once);
    }
#endif
    if (call->kept == NULL && call->pairs_at_once > CONV_PAIRS_AT_ONCE) {
        call->pairs_at_once = CONV_PAIRS_AT_ONCE;
    }
    conv_begin_simple(call, pairs);
}

/* All channels of a task. Its weights are in the order of td_conv_quads.h, or they are not. */
TD_INLINE void conv_run_channels(const conv_call *call, conv_task *task, int is_in_quads) {
#ifdef TD_CONV_QUADS
    if (is_in_quads) {
        conv_run *const run = call->is_planar ? conv_quads_positive : conv_quads_joined;
        run(task);
        task->output += 2 * (call->is_planar ? 1 : task->step);
        task->gathered += TD_CONV_PIXELS;
        task->gathered_end += TD_CONV_PIXELS;
        run(task);
        task->gathered_end -= TD_CONV_PIXELS;
        return;
    }
#endif
    (void)is_in_quads;
    call->run(task);
}

/* Where pixels are not equally far apart, or only the second channel of a pair exists: by way of the stack. The task
 * is that of `pairs` pairs from `begin` on. */
TD_CONV_SHARED void conv_run_by_stack(const conv_call *call, const conv_task *whole, const conv_places *places,
                                      int32_t begin, int32_t pairs, int is_in_quads) {
    const td_conv_params *const p = call->p;
    int8_t values[TD_CONV_PIXELS * 2 * CONV_PAIRS_AT_ONCE];
    const int32_t pixel_step = call->is_planar ? 1 : 2 * CONV_PAIRS_AT_ONCE;
    const int32_t channel_step = call->is_planar ? TD_CONV_PIXELS : 1, pair_bytes = call->group / 2;
    const int is_in_row = places->pixels[1] == NULL;
    conv_task task = *whole;
    task.step = call->is_planar ? channel_step : pixel_step;
    while (pairs > 0) {
        const int32_t count = pairs < CONV_PAIRS_AT_ONCE ? pairs : CONV_PAIRS_AT_ONCE;
        const int32_t left = p->output_channels - 2 * begin, channels = left < 2 * count ? left : 2 * count;
        const int8_t *from = values + (left == 1 ? channel_step : 0);
        task.output = values;
        task.gathered = whole->gathered;
        task.last_weights = task.weights + count * pair_bytes - 4;
        conv_run_channels(call, &task, is_in_quads);
        TD_RARE_LOOP
        for (int32_t c = 0; c < channels; c++, from += channel_step) {
            const ptrdiff_t at = (ptrdiff_t)(2 * begin + c) * p->channel_stride;
            TD_RARE_LOOP
            for (int32_t k = TD_CONV_PIXELS - 1; k >= 0; k--) {
                int8_t *const pixel = is_in_row ? places->pixels[0] + k * p->pixel_stride : places->pixels[k];
                pixel[at] = from[k * pixel_step];
            }
        }
        task.weights += count * pair_bytes;
        task.factors += count;
        begin += count;
        pairs -= count;
    }
}

/* Pairs [begin, end) of channels of some groups of four pixels: their places, or where pixels[1] is NULL, that of the
 * first one, behind which the others lie pixel_stride apart. */
TD_INLINE void conv_pairs(const conv_call *call, const conv_factors *factors, td_arena_s16 *gathered,
                          const conv_places *places, int32_t count, int32_t begin, int32_t end) {
    const td_conv_params *const p = call->p;
    const int32_t channel_stride = p->channel_stride, first = 2 * begin * channel_stride;
    const int32_t group = call->group, weights_begin = group / 2 * begin, weights_end = group / 2 * end;
    const int is_direct = call->is_planar || (channel_stride == 1 && end <= call->whole);
    int is_in_quads = call->is_copied && end <= call->quads;
    conv_task task;
    task.factors = factors;
    task.weights = call->weights + weights_begin;
    task.offset = p->output_offset;
#ifdef TD_CONV_COPIES_WEIGHTS
    if (count > 1 && count <= call->groups_at_once && call->groups_at_once < p->groups_at_once) {
        int8_t *const copy = (int8_t *)(gathered + group * call->groups_at_once);
        conv_copy_weights(call, begin, end - begin, copy);
        task.weights = copy;
        is_in_quads = end <= call->quads;
    }
#endif
    task.last_weights = task.weights + (weights_end - weights_begin) - 4;
    task.gathered = gathered;
    task.step = !call->is_planar ? p->pixel_stride : end <= call->whole ? channel_stride : 0;
    for (const conv_places *place = places; place < places + count; place++) {
        task.gathered_end = task.gathered + group;
        if (is_direct && place->pixels[1] == NULL) {
            task.output = place->pixels[0] + first;
            conv_run_channels(call, &task, is_in_quads);
        } else {
            conv_run_by_stack(call, &task, place, begin, end - begin, is_in_quads);
        }
        task.gathered = task.gathered_end;
    }
}

/* All channels of some groups; as conv_channels. */
TD_INLINE void conv_all_pairs(conv_call *call, td_arena_s16 *gathered, const conv_places *places, int32_t count) {
    const int32_t pairs = (call->p->output_channels + 1) / 2, whole = call->whole;
    if (call->is_simple) {
        conv_task *const task = &call->task;
        for (const conv_places *place = places; place < places + count; place++, gathered += call->group) {
            task->output = place->pixels[0];
            task->gathered = gathered;
            task->gathered_end = gathered + call->group;
            if (place->pixels[1] == NULL) {
                conv_run_channels(call, task, call->quads > 0);
            } else {
                conv_run_by_stack(call, task, place, 0, pairs, call->quads > 0);
            }
        }
        return;
    }
    for (int32_t begin = 0; begin < pairs;) {
        const int32_t behind = begin + call->pairs_at_once;
        const int32_t last = begin < call->quads ? call->quads : begin < whole ? whole : pairs;
        const int32_t end = behind < last ? behind : last;
        const conv_factors *factors;
        if (call->kept != NULL) {
            factors = call->kept + begin;
        } else {
            if (call->first < 0 || begin < call->first || end > call->first + CONV_PAIRS_AT_ONCE) {
                const int32_t prepared = begin + CONV_PAIRS_AT_ONCE < pairs ? begin + CONV_PAIRS_AT_ONCE : pairs;
                conv_prepare(call->p, begin, prepared, call->own);
                call->first = begin;
            }
            factors = call->own + (begin - call->first);
        }
        conv_pairs(call, factors, gathered, places, count, begin, end);
        begin = end;
    }
}

#endif
#endif /* TD_CONV_SINGLE_CALL_H */
