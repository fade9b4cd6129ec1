#include "self_test.h"

#include "golden.h"
#include "output.h"
#include "test_image.h"
#include "@NAME@.h"

#define TD_REGISTER(address) (*(volatile uint32_t *)(address))
#define TD_DEMCR TD_REGISTER(0xE000EDFCu)      /* debug exception and monitor control */
#define TD_DWT_CTRL TD_REGISTER(0xE0001000u)   /* data watchpoint and trace unit */
#define TD_DWT_CYCCNT TD_REGISTER(0xE0001004u) /* its cycle counter */
#define TD_DWT_LAR TD_REGISTER(0xE0001FB0u)    /* its lock, on the Cortex-M7 */
#define TD_DEMCR_TRACE (1u << 24)
#define TD_DWT_CTRL_COUNT 1u
#define TD_DWT_UNLOCK 0xC5ACCE55u
#define TD_STACK_PAINT 0xA5A5A5A5u

volatile td_self_test_report td_self_test_result;

extern uint32_t td_stack_bottom[];

/* What td_trace() has seen, in order of the operators' first outputs. */
static int32_t td_comparing, td_num_seen, td_latest;
static const char *td_names[TD_NUM_GOLDEN];
static td_golden td_seen[TD_NUM_GOLDEN];
static uint64_t td_cycles;
static uint32_t td_cycles_before;

/* CRC-32 of zip and PNG (polynomial 0xEDB88320), four bits at a time. */
static uint32_t td_crc32(uint32_t crc, const uint8_t *bytes, int32_t count)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
        0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
        0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    crc = ~crc;
    for (const uint8_t *end = bytes + count; bytes < end; bytes++) {
        crc = table[(crc ^ *bytes) & 15u] ^ (crc >> 4);
        crc = table[(crc ^ ((uint32_t)*bytes >> 4)) & 15u] ^ (crc >> 4);
    }
    return ~crc;
}

static int32_t td_same_text(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Index of an operator; the next free one if it has not run before. Streamed operators take turns
 * row by row, mostly from one to the next. */
static int32_t td_find(const char *op)
{
    for (int32_t i = 0; i < td_num_seen; i++) {
        const int32_t at = (td_latest + i) % td_num_seen;
        if (td_names[at] == op) {
            return at;
        }
    }
    for (int32_t i = 0; i < td_num_seen; i++) {
        if (td_same_text(td_names[i], op)) {
            return i;
        }
    }
    return td_num_seen;
}

static void td_count_cycles(void)
{
    const uint32_t now = TD_DWT_CYCCNT;
    td_cycles += now - td_cycles_before; /* often enough for the counter not to go round twice */
    td_cycles_before = now;
}

/* Called by the network with the next bytes of an operator's output. */
void td_trace(const char *op, const void *output, int32_t output_bytes)
{
    td_count_cycles();
    if (!td_comparing) {
        return;
    }
    const int32_t at = td_find(op);
    if (at == TD_NUM_GOLDEN) {
        return; /* more operators than on the PC: cannot be, the C is the same */
    }
    if (at == td_num_seen) {
        td_names[at] = op;
        td_num_seen++;
    }
    td_latest = at;
    td_seen[at].crc32 = td_crc32(td_seen[at].crc32, output, output_bytes);
    td_seen[at].bytes += (uint32_t)output_bytes;
}

static int td_run(void *arena, td_detection *detections)
{
    return @NAME@_detect(0, arena, detections, @MACRO@_MAX_DETECTIONS);
}

/* First operator whose output is not the one of the PC; -1: all are. */
static int32_t td_compare(void *arena, td_detection *detections)
{
    td_comparing = 1;
    (void)@NAME@_preprocess(&td_test_image, arena);
    td_trace("preprocessing", @NAME@_input(arena),
             @MACRO@_INPUT_HEIGHT * @MACRO@_INPUT_WIDTH * 3);
    const int count = td_run(arena, detections);
    td_trace("boxes", detections, count * (int32_t)sizeof(*detections));
    td_comparing = 0;
    for (int32_t i = 0; i < TD_NUM_GOLDEN; i++) {
        if (i >= td_num_seen || td_seen[i].crc32 != td_golden_outputs[i].crc32 ||
            td_seen[i].bytes != td_golden_outputs[i].bytes) {
            return i;
        }
    }
    return -1;
}

/* Cycles and stack of one inference: network and boxes, without scaling the image. */
static __attribute__((noinline)) int td_measure(void *arena, td_detection *detections,
                                                uint32_t *stack_bytes)
{
    uint32_t *stack;
    __asm__ volatile("mov %0, sp" : "=r"(stack));
    for (volatile uint32_t *word = td_stack_bottom; word < stack; word++) {
        *word = TD_STACK_PAINT;
    }
    TD_DEMCR |= TD_DEMCR_TRACE;
    TD_DWT_LAR = TD_DWT_UNLOCK;
    TD_DWT_CTRL |= TD_DWT_CTRL_COUNT;
    td_count_cycles();
    td_cycles = 0;
    const int count = td_run(arena, detections);
    td_count_cycles();
    const volatile uint32_t *deepest = td_stack_bottom;
    while (deepest < stack && *deepest == TD_STACK_PAINT) {
        deepest++;
    }
    *stack_bytes = (uint32_t)((uintptr_t)stack - (uintptr_t)deepest);
    return count;
}

/* Converters join the names of operators that became one by semicolons: the first will do. */
static void td_print_name(const char *name)
{
    char character[2] = {0};
    for (; *name != '\0' && *name != ';'; name++) {
        character[0] = *name;
        td_print(character);
    }
}

static void td_print_outcome(int32_t bad, const char *name)
{
    if (bad < 0) {
        td_print("self-test passed: ");
        td_print_number(TD_NUM_GOLDEN - 2);
        td_print(" operators, preprocessing and boxes\n#td self-test passed ");
        td_print_number(TD_NUM_GOLDEN);
    } else {
        td_print("self-test failed: operator ");
        td_print_number(bad);
        td_print(", ");
        td_print_name(name != 0 ? name : "which did not run");
        td_print(", differs from the PC\n#td self-test failed ");
        td_print_number(bad);
    }
    td_print("\n#td stack ");
    td_print_number((int32_t)td_self_test_result.stack_bytes);
    td_print(" bytes\n");
    if (td_cycles != 0 && td_cycles <= INT32_MAX) {
        td_print("#td cycles ");
        td_print_number((int32_t)td_cycles);
        td_print("\n");
    }
}

int32_t td_self_test(void *arena, td_detection *detections)
{
    uint32_t stack_bytes;
    int32_t bad = td_compare(arena, detections);
    (void)@NAME@_preprocess(&td_test_image, arena);
    const int count = td_measure(arena, detections, &stack_bytes);

    td_self_test_result.status = bad < 0 ? TD_SELF_TEST_PASSED : TD_SELF_TEST_FAILED;
    td_self_test_result.first_bad_operator = bad;
    td_self_test_result.cycles = (uint32_t)td_cycles;
    td_self_test_result.cycles_high = (uint32_t)(td_cycles >> 32);
    td_self_test_result.stack_bytes = stack_bytes;
    td_self_test_result.num_detections = count;
    td_self_test_result.num_operators = TD_NUM_GOLDEN;
    td_self_test_result.first_bad_name = bad >= 0 && bad < td_num_seen ? td_names[bad] : 0;
    td_self_test_result.magic = TD_SELF_TEST_MAGIC;
    td_print_outcome(bad, td_self_test_result.first_bad_name);
    return bad < 0;
}
