/* Candidates in order of rank, pass by pass: what td_boxes.c, td_box_voting.c and td_ssd_boxes.c share. Not for
 * callers. */
#ifndef TD_RANKS_H
#define TD_RANKS_H

#include "td_boxes.h"
#include "td_small.h"

/* Every float operation below has its counterpart in NumPy and must be rounded like it. */
#if defined(__FAST_MATH__)
#error "selecting boxes needs IEEE arithmetic: compile it without -ffast-math"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

/* A rank is (127 - code) << 24 | class << anchor_bits | anchor: the smallest comes first. */
#define CODE_SHIFT 24
#define MAX_CODE 127

static inline float clip(float value) { return value < 0.0f ? 0.0f : (value > 1.0f ? 1.0f : value); }

static inline int32_t code_of(uint32_t rank) { return MAX_CODE - (int32_t)(rank >> CODE_SHIFT); }

static inline uint32_t rank_of(int32_t code, int32_t class_id, int32_t anchor_bits, int32_t anchor) {
    return (uint32_t)(MAX_CODE - code) << CODE_SHIFT | (uint32_t)class_id << anchor_bits | (uint32_t)anchor;
}

/* Keep a rank if it is among the first max_candidates so far: a heap once there are so many. Then *lowest_code becomes
 * the code of the last of them; whatever has less is not among the first. Returns how many there are. */
static inline int32_t keep_rank(td_arena_u32 *ranks, int32_t count, int32_t max_candidates, uint32_t rank,
                         int32_t *lowest_code) {
    if (count < max_candidates) {
        ranks[count++] = rank;
        if (count < max_candidates) {
            return count;
        }
        td_make_heap(ranks, count);
    } else if (rank < ranks[0]) {
        ranks[0] = rank;
        td_sift_down(ranks, 0, count);
    }
    *lowest_code = code_of(ranks[0]);
    return count;
}

/* Put the ranks that were kept in order. */
static inline void order_ranks(td_arena_u32 *ranks, int32_t count, int32_t max_candidates) {
    if (count < max_candidates) {
        td_make_heap(ranks, count);
    }
    td_sort_heap(ranks, count);
}

#endif
