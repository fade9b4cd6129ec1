/* Counts the instructions of an emulated Thumb program, called before each basic block.
 *
 * Given a watched function, the count is also split where that function gets control back: each
 * piece is what the function did up to and in one call. Nothing is added to the program, so the
 * pieces add up to the count without the split. */
#include <stdint.h>

typedef struct {
    uint64_t instructions;
    uint64_t callee; /* address of the first block outside the watched function, 0: none */
} td_piece;

typedef struct {
    const uint8_t *code; /* the emulated code memory as the host sees it */
    uint64_t code_begin, code_end;
    uint32_t *known_size; /* for each halfword of code: bytes of the block counted last ... */
    uint32_t *known_count; /* ... and its instructions */
    uint64_t instructions;
    uint64_t blocks_outside; /* blocks that do not lie in code memory: not counted, an error */
    uint64_t watched_begin, watched_end;
    td_piece *pieces;
    uint64_t num_pieces, capacity;
    uint64_t in_watched; /* 1 while the last block was one of the watched function */
} td_block_counter;

void td_count_block(void *engine, uint64_t address, uint32_t size, void *user_data);

static uint32_t td_count_thumb(const uint8_t *code, uint32_t size)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < size; count++) {
        /* 0b11101, 0b11110 and 0b11111 in the upper five bits begin a 32-bit instruction. */
        at += (code[at + 1] >> 3) >= 0x1D ? 4 : 2;
    }
    return count;
}

static void td_split(td_block_counter *counter, uint64_t address)
{
    uint64_t inside = address >= counter->watched_begin && address < counter->watched_end;
    if (inside && (!counter->in_watched) && counter->num_pieces < counter->capacity) {
        counter->pieces[counter->num_pieces].instructions = 0;
        counter->pieces[counter->num_pieces].callee = 0;
        counter->num_pieces++;
    }
    if (!inside && counter->in_watched && counter->num_pieces) {
        counter->pieces[counter->num_pieces - 1].callee = address;
    }
    counter->in_watched = inside;
}

#if defined(_WIN32)
__declspec(dllexport)
#endif
void td_count_block(void *engine, uint64_t address, uint32_t size, void *user_data)
{
    td_block_counter *counter = user_data;
    (void)engine;
    if (address < counter->code_begin || address + size > counter->code_end) {
        counter->blocks_outside++;
        return;
    }
    uint64_t offset = address - counter->code_begin;
    if (counter->known_size[offset / 2] != size) {
        counter->known_size[offset / 2] = size;
        counter->known_count[offset / 2] = td_count_thumb(counter->code + offset, size);
    }
    uint32_t count = counter->known_count[offset / 2];
    counter->instructions += count;
    if (counter->watched_end) {
        td_split(counter, address);
        if (counter->num_pieces) {
            counter->pieces[counter->num_pieces - 1].instructions += count;
        }
    }
}
