/* Counts the instructions of an emulated Thumb program, called before each basic block.
 *
 * Given watched code, the count is also split where that code gets control back: each piece is what
 * it did up to and in one call of a function outside. Nothing is added to the program, so the pieces
 * add up to the count without the split. */
#include <stdint.h>

typedef struct {
    uint64_t instructions; /* of the watched code and of what it calls */
    uint64_t own; /* of the watched code alone */
    uint64_t callee; /* address of the first block outside the watched code, 0: none */
    uint64_t argument; /* register r0 there */
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
    uint64_t in_watched; /* 1 while the last block was one of the watched code */
    int (*read_register)(void *engine, int number, void *value); /* uc_reg_read */
    uint64_t argument_register; /* number of r0 */
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

static void td_split(td_block_counter *counter, void *engine, uint64_t address)
{
    uint64_t inside = address >= counter->watched_begin && address < counter->watched_end;
    if (inside && (!counter->in_watched) && counter->num_pieces < counter->capacity) {
        counter->pieces[counter->num_pieces] = (td_piece){0, 0, 0, 0};
        counter->num_pieces++;
    }
    if (!inside && counter->in_watched && counter->num_pieces) {
        td_piece *piece = &counter->pieces[counter->num_pieces - 1];
        piece->callee = address;
        (void)counter->read_register(engine, (int)counter->argument_register, &piece->argument);
    }
    counter->in_watched = inside;
}

#if defined(_WIN32)
__declspec(dllexport)
#endif
void td_count_block(void *engine, uint64_t address, uint32_t size, void *user_data)
{
    td_block_counter *counter = user_data;
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
        td_split(counter, engine, address);
        if (counter->num_pieces) {
            td_piece *piece = &counter->pieces[counter->num_pieces - 1];
            piece->instructions += count;
            piece->own += counter->in_watched ? count : 0;
        }
    }
}
