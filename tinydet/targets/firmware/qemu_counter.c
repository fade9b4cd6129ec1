/* A plugin of QEMU: counts the instructions of an emulated program, as block_counter.c does under Unicorn, and records
 * what an estimate of its time needs. Built without QEMU's header: the few functions of its plugin interface, version 1,
 * are declared here.
 *
 * What is counted lies in a file that both processes map: read and written by the other one while the core is halted.
 * Registers cannot be read; the argument of a call is the first constant of the model that the callee reads, which is
 * its parameters, or the name that td_trace is given. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "timing_recorder.c"

#define VISIBLE __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*tb_translated)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*tb_executed)(unsigned, void *);
typedef void (*memory_accessed)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_translated);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, tb_executed, int, void *);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, memory_accessed, int, int, void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
extern _Bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
/* Both, since QEMU 7.2 takes one for the other where an instruction is translated in place. */
enum { NO_REGISTERS = 0, READS_AND_WRITES = 3 };

VISIBLE int qemu_plugin_version = 1;
VISIBLE int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

typedef struct {
    uint64_t instructions; /* of the watched code and of what it calls */
    uint64_t own;          /* of the watched code alone */
    uint64_t callee;       /* address of the first block outside the watched code, 0: none */
    uint64_t argument;     /* see above */
} td_piece;

typedef struct {
    uint64_t instructions;
    uint64_t watched_begin, watched_end;
    uint64_t constants_begin, constants_end;
    uint64_t in_watched; /* 1 while the last block was one of the watched code */
    uint64_t num_pieces, capacity;
    uint64_t recorder; /* where in the file td_timing lies, 0: nothing is recorded */
    uint64_t placed;   /* 0 as long as its pointers are places in the file */
    td_piece pieces[];
} td_counter;

static td_counter *counter;

static void td_place(void *pointer)
{
    uint64_t place;
    memcpy(&place, pointer, sizeof place);
    place += (uintptr_t)counter;
    memcpy(pointer, &place, sizeof place);
}

/* What is recorded into; NULL: nothing. */
static td_timing *td_recorder(void)
{
    if (counter->recorder == 0) {
        return NULL;
    }
    td_timing *t = (void *)((char *)counter + counter->recorder);
    if (!counter->placed) {
        void *pointers[] = {&t->blocks, &t->transitions, &t->block_table, &t->transition_table, &t->direction,
                            &t->target, &t->caches,      &t->regions,     &t->groups,           &t->group};
        for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
            td_place(pointers[i]);
        }
        for (uint64_t i = 0; i < t->num_caches; i++) {
            td_place(&t->caches[i].tags);
        }
        counter->placed = 1;
    }
    return t;
}

static void td_split(uint64_t address)
{
    const uint64_t inside = address >= counter->watched_begin && address < counter->watched_end;
    if (inside && !counter->in_watched && counter->num_pieces < counter->capacity) {
        counter->pieces[counter->num_pieces++] = (td_piece){0, 0, 0, 0};
    }
    if (!inside && counter->in_watched && counter->num_pieces) {
        counter->pieces[counter->num_pieces - 1].callee = address;
    }
    counter->in_watched = inside;
}

/* `block` is the address of a block, its bytes in 16 bits and, in the lowest 16, the number of its instructions. */
static void td_executed(unsigned core, void *block)
{
    const uint64_t address = (uintptr_t)block >> 32, bytes = (uintptr_t)block >> 16 & 0xFFFF;
    const uint64_t count = (uintptr_t)block & 0xFFFF;
    td_timing *recorder = td_recorder();
    (void)core;
    counter->instructions += count;
    if (counter->watched_end) {
        td_split(address);
        if (counter->num_pieces) {
            td_piece *piece = &counter->pieces[counter->num_pieces - 1];
            piece->instructions += count;
            piece->own += counter->in_watched ? count : 0;
        }
    }
    if (recorder) {
        td_time_block(NULL, address, (uint32_t)bytes, recorder);
    }
}

static void td_read(unsigned core, qemu_plugin_meminfo_t kind, uint64_t address, void *data)
{
    td_timing *recorder = td_recorder();
    (void)core;
    (void)data;
    if (recorder) {
        const td_access access = {.size = 1 << qemu_plugin_mem_size_shift(kind), .count = 1, .writes = qemu_plugin_mem_is_store(kind)};
        td_one_access(recorder, td_current(recorder), &access, (uint32_t)address);
    }
    if (counter->watched_end && !counter->in_watched && counter->num_pieces &&
        address >= counter->constants_begin && address < counter->constants_end) {
        td_piece *piece = &counter->pieces[counter->num_pieces - 1];
        piece->argument = piece->argument ? piece->argument : address;
    }
}

static void td_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    const size_t count = qemu_plugin_tb_n_insns(block);
    uint64_t bytes = 0;
    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        bytes += qemu_plugin_insn_size(instruction);
        qemu_plugin_register_vcpu_mem_cb(instruction, td_read, NO_REGISTERS, READS_AND_WRITES, NULL);
    }
    const uint64_t packed = qemu_plugin_tb_vaddr(block) << 32 | bytes << 16 | count;
    qemu_plugin_register_vcpu_tb_exec_cb(block, td_executed, NO_REGISTERS, (void *)(uintptr_t)packed);
}

/* The arguments are counter=PATH and bytes=N, in this order. */
VISIBLE int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    if (argc < 2 || strncmp(argv[0], "counter=", 8) != 0 || strncmp(argv[1], "bytes=", 6) != 0) {
        return 1;
    }
    const int file = open(argv[0] + 8, O_RDWR);
    size_t bytes = 0;
    for (const char *digit = argv[1] + 6; *digit != '\0'; digit++) {
        bytes = 10 * bytes + (size_t)(*digit - '0');
    }
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || shared == MAP_FAILED) {
        return 1;
    }
    counter = shared;
    qemu_plugin_register_vcpu_tb_trans_cb(id, td_translated);
    return 0;
}
