/* Finds objects in the frames of the camera, or once in the built-in test image, and prints them.
 * board.h lists what you can add (clocks, camera, UART). */
#include "board.h"
#include "output.h"
#include "@NAME@.h"
#ifdef TD_TEST_IMAGE
#include "test_image.h"
#endif
#ifdef TD_SELF_TEST
#include "self_test.h"
#endif

/* The linker script puts them where they fit and are fast. */
__attribute__((section(".td_arena"), aligned(64))) static uint8_t arena[@MACRO@_ARENA_BYTES];
__attribute__((section(".td_detections"), aligned(8)))
static td_detection detections[@MACRO@_MAX_DETECTIONS];

__attribute__((weak)) void td_board_init(void)
{
}

__attribute__((weak)) int32_t td_camera_frame(td_image *frame)
{
    (void)frame;
    return 0;
}

void td_fault(void);
__attribute__((weak)) void td_interrupt(int32_t number)
{
    (void)number;
    td_fault();
}

/* Returns 0 if the image cannot be used. */
static int32_t find_objects(const td_image *frame)
{
    const int count = @NAME@_detect_image(frame, arena, detections, @MACRO@_MAX_DETECTIONS);
    if (count < 0) {
        td_print("the image has an unusable size (td_preprocess.h)\n");
        return 0;
    }
    td_print_detections(detections, count, @NAME@_class_names, frame->height, frame->width);
    return 1;
}

int main(void)
{
    td_image frame;
    int32_t success = 1;

    td_board_init();
#ifdef TD_SELF_TEST
    success = td_self_test(arena, detections);
#endif
    if (td_camera_frame(&frame)) {
        do {
            success = find_objects(&frame);
        } while (success && td_camera_frame(&frame));
    } else {
#ifdef TD_TEST_IMAGE
        success = find_objects(&td_test_image) && success;
#else
        td_print("no image: define td_camera_frame(), see board.h\n");
        success = 0;
#endif
    }
    td_finished(success);
}
