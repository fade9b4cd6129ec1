/* The numbers of the model's header, readable from the linked file (order: ModelShape). */
#include TD_MODEL_HEADER

extern const int32_t td_shape[7];

#if defined(__ELF__)
__attribute__((section(".td_meta"), used))
#endif
const int32_t td_shape[7] = {
    TD_MODEL_MACRO(INPUT_HEIGHT), TD_MODEL_MACRO(INPUT_WIDTH), TD_MODEL_MACRO(ARENA_BYTES),
    TD_MODEL_MACRO(NUM_CLASSES),  TD_MODEL_MACRO(NUM_ANCHORS), TD_MODEL_MACRO(MAX_DETECTIONS),
    (int32_t)sizeof(td_detection),
};
