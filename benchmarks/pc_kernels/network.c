/* A network in WebAssembly: pixels in, the codes of its outputs out. */
#include TD_MODEL_HEADER

#define EXPORTED(name) __attribute__((export_name(#name)))

static _Alignas(TD_MODEL_MACRO(ARENA_ALIGNMENT)) uint8_t arena[TD_MODEL_MACRO(ARENA_BYTES)];

EXPORTED(input) uint8_t *input(void);
EXPORTED(run) void run(void);
EXPORTED(scores) const int8_t *scores(void);
EXPORTED(deltas) const int8_t *deltas(void);

uint8_t *input(void) { return TD_MODEL(input)(arena); }
void run(void) { TD_MODEL(run)(arena); }
const int8_t *scores(void) { return TD_MODEL(scores)(arena); }
const int8_t *deltas(void) { return TD_MODEL(deltas)(arena); }
