/* A plugin of QEMU: counts the instructions of an emulated program, as block_counter.c does under Unicorn. Built
 * without QEMU's header: the few functions of its plugin interface, version 1, are declared here.
 *
 * What is counted lies in a file that both processes map: read and written by the other one while the core is halted.
 * Registers cannot be read; the argument of a call is the first constant of the model that the callee reads, which is
 * its parameters, or the name that td_trace is given. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

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
    td_piece pieces[];
} td_counter;

static td_counter *counter;

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

/* `block` is the address of a block and, in the lowest 16 bits, the number of its instructions. */
static void td_executed(unsigned core, void *block)
{
    const uint64_t address = (uintptr_t)block >> 16, count = (uintptr_t)block & 0xFFFF;
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
}

static void td_read(unsigned core, qemu_plugin_meminfo_t kind, uint64_t address, void *data)
{
    (void)core;
    (void)kind;
    (void)data;
    if (counter->watched_end && !counter->in_watched && counter->num_pieces &&
        address >= counter->constants_begin && address < counter->constants_end) {
        td_piece *piece = &counter->pieces[counter->num_pieces - 1];
        piece->argument = piece->argument ? piece->argument : address;
    }
}

static void td_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    const size_t count = qemu_plugin_tb_n_insns(block);
    const uint64_t packed = qemu_plugin_tb_vaddr(block) << 16 | count;
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, td_executed, NO_REGISTERS, (void *)(uintptr_t)packed);
    for (size_t i = 0; i < count; i++) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), td_read, NO_REGISTERS, READS_AND_WRITES, NULL);
    }
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
