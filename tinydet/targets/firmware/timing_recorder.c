/* Records what a cycle estimate needs of an emulated Thumb program: which basic block followed which
 * and how often, which of these turns a branch predictor would have missed, and what the accesses
 * to memory wait in simulated caches.
 *
 * Under Unicorn the addresses of accesses follow from registers; under QEMU qemu_counter.c, which
 * contains this file, tells them.
 *
 * The program runs twice. The first run finds the transitions (previous block, block), whose cycles
 * the caller then computes; the second adds these up per piece of the program, with warm caches. */
#include <stdint.h>

#define TD_NONE 0xFFFFFFFFu
#define TD_FRACTION 16 /* costs are in sixteenths of a cycle */

typedef struct {
    uint64_t address, size;
    uint64_t first_access, num_accesses; /* set between the runs */
} td_block;

/* Address: registers at the begin of the block, and a constant. Hooks on the accesses themselves
 * would tell all addresses, but in Unicorn 2.1 they cost a microsecond each and disturb IT blocks. */
typedef struct {
    int64_t offset;
    int32_t base, index; /* numbers of registers for Unicorn, 0: none */
    int32_t shift; /* of the index, to the left */
    int32_t size, count; /* bytes of each, how many behind each other */
    int32_t writes;
} td_access;

typedef struct {
    uint64_t before, block; /* indices of blocks */
    uint64_t count, missed; /* executions, and those that the branch predictor did not foresee */
    uint64_t cost, missed_cost; /* sixteenths of a cycle, set between the runs */
} td_transition;

typedef struct {
    uint64_t line_bytes, ways, sets; /* sets 0: no cache */
    uint64_t *tags; /* [sets][ways], address of the line + 1, most recently used first */
    uint64_t hits, misses;
} td_cache;

typedef struct {
    uint64_t begin, end;
    uint64_t data_cache, fetch_cache; /* indices of caches, TD_NONE: not cached */
    uint64_t data_wait, fetch_wait; /* sixteenths of a cycle: line fill, or each uncached access */
    uint64_t next_wait; /* the same for the line behind the one fetched last */
    uint64_t write_wait; /* each write */
    uint64_t bytes_read; /* by the processor */
} td_region;

typedef struct {
    uint64_t issue, fetch, data; /* sixteenths of a cycle */
    uint64_t weight_bytes; /* read from the watched data */
    uint64_t fetched_bytes; /* of these, what came from their memory: lines that no cache held */
} td_group;

typedef struct {
    td_block *blocks;
    td_transition *transitions;
    uint32_t *block_table, *transition_table; /* open addressing, indices + 1 */
    uint8_t *direction; /* predictor: two bits per block */
    uint32_t *target; /* predictor: successor seen last, per block */
    uint64_t num_blocks, num_transitions, max_blocks, max_transitions; /* tables: twice as many */
    uint64_t previous; /* block that ran last, or TD_NONE */
    uint64_t last_line; /* code line fetched last */
    td_cache *caches;
    uint64_t num_caches;
    td_region *regions;
    uint64_t num_regions;
    uint64_t data_begin, data_end; /* watched data: the weights */
    td_group *groups;
    const uint64_t *group; /* number of pieces begun so far; the current one is this - 1 */
    uint64_t max_groups;
    const td_access *accesses;
    int (*read_register)(void *engine, int number, void *value); /* uc_reg_read */
    uint64_t unaligned_wait; /* sixteenths of a cycle for an access across its own size */
    uint64_t overflow; /* a table was full: nothing counts */
    uint64_t last_block, last_transition, last_data_region, last_code_region;
} td_timing;

void td_time_block(void *engine, uint64_t address, uint32_t size, void *user_data);

static uint64_t td_mix(uint64_t value)
{
    value *= 0x9E3779B97F4A7C15u;
    return value >> 29;
}

static td_group *td_current(td_timing *t)
{
    uint64_t begun = t->group ? *t->group : 0;
    uint64_t index = begun ? begun - 1 : 0;
    return &t->groups[index < t->max_groups ? index : t->max_groups - 1];
}

static td_region *td_find(td_timing *t, uint64_t address, uint64_t *last)
{
    td_region *region = &t->regions[*last];
    if (address >= region->begin && address < region->end) {
        return region;
    }
    for (uint64_t i = 0; i < t->num_regions; i++) {
        if (address >= t->regions[i].begin && address < t->regions[i].end) {
            *last = i;
            return &t->regions[i];
        }
    }
    return 0;
}

/* 1 if the line was there; brings it in if not. */
static int td_touch(td_cache *cache, uint64_t address)
{
    uint64_t line = address / cache->line_bytes;
    uint64_t *set = &cache->tags[(line % cache->sets) * cache->ways];
    uint64_t way = 0;
    while (way + 1 < cache->ways && set[way] != line + 1) {
        way++;
    }
    int hit = set[way] == line + 1;
    for (; way; way--) {
        set[way] = set[way - 1];
    }
    set[0] = line + 1;
    cache->hits += (uint64_t)hit;
    cache->misses += (uint64_t)!hit;
    return hit;
}

static uint64_t td_block_index(td_timing *t, uint64_t address, uint64_t size)
{
    td_block *last = &t->blocks[t->last_block];
    if (t->num_blocks && last->address == address && last->size == size) {
        return t->last_block;
    }
    uint64_t mask = 2 * t->max_blocks - 1;
    uint64_t at = td_mix(address ^ (size << 40)) & mask;
    for (; t->block_table[at]; at = (at + 1) & mask) {
        td_block *block = &t->blocks[t->block_table[at] - 1];
        if (block->address == address && block->size == size) {
            return t->last_block = t->block_table[at] - 1;
        }
    }
    if (t->num_blocks == t->max_blocks) {
        t->overflow = 1;
        return 0;
    }
    t->blocks[t->num_blocks] = (td_block){address, size, 0, 0};
    t->target[t->num_blocks] = TD_NONE;
    t->block_table[at] = (uint32_t)++t->num_blocks;
    return t->last_block = t->num_blocks - 1;
}

static td_transition *td_transition_of(td_timing *t, uint64_t before, uint64_t block)
{
    uint64_t mask = 2 * t->max_transitions - 1;
    uint64_t at = td_mix(before * 0x10001 + block) & mask;
    for (; t->transition_table[at]; at = (at + 1) & mask) {
        td_transition *transition = &t->transitions[t->transition_table[at] - 1];
        if (transition->before == before && transition->block == block) {
            return transition;
        }
    }
    if (t->num_transitions == t->max_transitions) {
        t->overflow = 1;
        return &t->transitions[0];
    }
    t->transitions[t->num_transitions] = (td_transition){before, block, 0, 0, 0, 0};
    t->transition_table[at] = (uint32_t)++t->num_transitions;
    return &t->transitions[t->num_transitions - 1];
}

/* A counter of two bits for taken or not, and the target seen last. */
static int td_foreseen(td_timing *t, uint64_t before, uint64_t address, uint64_t block)
{
    td_block *branch = &t->blocks[before];
    int taken = branch->address + branch->size != address;
    int predicted = t->direction[before] >= 2;
    int right = predicted == taken && (!taken || t->target[before] == block);
    if (taken) {
        t->direction[before] = t->target[before] == TD_NONE ? 3 : (uint8_t)(t->direction[before] + (t->direction[before] < 3));
        t->target[before] = (uint32_t)block;
    } else if (t->direction[before]) {
        t->direction[before]--;
    }
    return right;
}

static uint64_t td_fetch(td_timing *t, uint64_t address, uint64_t size)
{
    td_region *region = td_find(t, address, &t->last_code_region);
    uint64_t wait = 0;
    if (!region || region->fetch_cache == TD_NONE) {
        return region ? region->fetch_wait : 0;
    }
    td_cache *cache = &t->caches[region->fetch_cache];
    for (uint64_t line = address / cache->line_bytes; line * cache->line_bytes < address + size; line++) {
        if (line == t->last_line) {
            continue;
        }
        if (!td_touch(cache, line * cache->line_bytes)) {
            wait += line == t->last_line + 1 ? region->next_wait : region->fetch_wait;
        }
        t->last_line = line;
    }
    return wait;
}

static uint32_t td_register(td_timing *t, void *engine, int32_t number)
{
    uint32_t value = 0;
    if (number) {
        (void)t->read_register(engine, number, &value);
    }
    return value;
}

static void td_one_access(td_timing *t, td_group *group, const td_access *access, uint32_t address)
{
    td_region *region = td_find(t, address, &t->last_data_region);
    uint64_t bytes = (uint64_t)access->size * (uint64_t)access->count;
    if (!region) {
        return;
    }
    if (address & (uint32_t)(access->size - 1)) {
        group->data += t->unaligned_wait;
    }
    if (access->writes) {
        group->data += region->write_wait * (uint64_t)access->count;
        return;
    }
    region->bytes_read += bytes;
    int is_weight = address >= t->data_begin && address < t->data_end;
    group->weight_bytes += is_weight ? bytes : 0;
    if (region->data_cache == TD_NONE) {
        group->data += region->data_wait * (uint64_t)access->count;
        group->fetched_bytes += is_weight ? bytes : 0;
        return;
    }
    td_cache *cache = &t->caches[region->data_cache];
    for (uint64_t at = address; at < address + bytes; at += cache->line_bytes) {
        if (!td_touch(cache, at)) {
            group->data += region->data_wait;
            group->fetched_bytes += is_weight ? cache->line_bytes : 0;
        }
    }
}

static void td_accesses(td_timing *t, void *engine, td_group *group, const td_block *block)
{
    int32_t known = 0;
    uint32_t value = 0;
    for (uint64_t i = 0; i < block->num_accesses; i++) {
        const td_access *access = &t->accesses[block->first_access + i];
        if (access->base != known) { /* accesses are mostly in runs of one base */
            known = access->base;
            value = td_register(t, engine, known);
        }
        uint32_t index = access->index ? td_register(t, engine, access->index) << access->shift : 0;
        td_one_access(t, group, access, value + index + (uint32_t)access->offset);
    }
}

#if defined(_WIN32)
__declspec(dllexport)
#endif
void td_time_block(void *engine, uint64_t address, uint32_t size, void *user_data)
{
    td_timing *t = user_data;
    uint64_t block = td_block_index(t, address, size);
    td_transition *transition = td_transition_of(t, t->previous, block);
    td_group *group = td_current(t);
    transition->count++;
    group->issue += transition->cost;
    if (t->previous != TD_NONE && !td_foreseen(t, t->previous, address, block)) {
        transition->missed++;
        group->issue += transition->missed_cost;
    }
    group->fetch += td_fetch(t, address, size);
    td_accesses(t, engine, group, &t->blocks[block]);
    t->previous = block;
}
