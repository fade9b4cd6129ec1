#include "camera.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_BUFFERS 4
#define TIMEOUT_MS 5000 /* a camera that gives nothing for so long gives nothing */

/* The formats that td_preprocess reads, the best first. */
static const struct {
    uint32_t code;
    td_pixel_format format;
    int32_t bytes_per_pixel;
} FORMATS[] = {
    {V4L2_PIX_FMT_RGB24, TD_RGB888, 3},    {V4L2_PIX_FMT_YUYV, TD_YUYV, 2},
    {V4L2_PIX_FMT_UYVY, TD_UYVY, 2},       {V4L2_PIX_FMT_RGB565, TD_RGB565, 2},
    {V4L2_PIX_FMT_RGB565X, TD_RGB565_BE, 2}, {V4L2_PIX_FMT_GREY, TD_GRAY8, 1},
};
#define NUM_FORMATS ((int)(sizeof FORMATS / sizeof FORMATS[0]))

typedef struct {
    const char *device;
    int file;
    int num_buffers;
    void *buffers[MAX_BUFFERS];
    size_t buffer_bytes[MAX_BUFFERS];
    td_image image; /* size, row step and format of every frame */
} td_camera;

static int complain(const td_camera *camera, const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", camera->device, what, why);
    return -1;
}

static int request(const td_camera *camera, unsigned long code, void *argument)
{
    int status = -1;
    do {
        status = ioctl(camera->file, (int)code, argument);
    } while (status < 0 && errno == EINTR);
    return status;
}

static int check_device(const td_camera *camera)
{
    struct v4l2_capability facts = {0};
    if (request(camera, VIDIOC_QUERYCAP, &facts) < 0) {
        return complain(camera, "is not a camera", strerror(errno));
    }
    const uint32_t can =
        facts.capabilities & V4L2_CAP_DEVICE_CAPS ? facts.device_caps : facts.capabilities;
    if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING)) {
        return complain(camera, "is not a camera", "it cannot stream single-plane video");
    }
    return 0;
}

/* Index of the first of FORMATS that the camera offers, or -1. */
static int choose_format(const td_camera *camera)
{
    int best = -1;
    for (uint32_t index = 0;; index++) {
        struct v4l2_fmtdesc offer = {.index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        if (request(camera, VIDIOC_ENUM_FMT, &offer) < 0) {
            return best;
        }
        for (int i = 0; i < (best < 0 ? NUM_FORMATS : best); i++) {
            if (offer.pixelformat == FORMATS[i].code) {
                best = i;
                break;
            }
        }
    }
}

static int set_format(td_camera *camera, int32_t height, int32_t width)
{
    const int choice = choose_format(camera);
    if (choice < 0) {
        return complain(camera, "has no format that the detector reads",
                        "it reads RGB3, YUYV, UYVY, RGBP, RGBR, GREY");
    }
    struct v4l2_format wish = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    wish.fmt.pix.width = (uint32_t)width;
    wish.fmt.pix.height = (uint32_t)height;
    wish.fmt.pix.pixelformat = FORMATS[choice].code;
    wish.fmt.pix.field = V4L2_FIELD_NONE;
    if (request(camera, VIDIOC_S_FMT, &wish) < 0) {
        return complain(camera, "refuses its own format", strerror(errno));
    }
    const struct v4l2_pix_format *given = &wish.fmt.pix;
    if (given->pixelformat != FORMATS[choice].code || given->width > TD_MAX_SOURCE_SIDE ||
        given->height > TD_MAX_SOURCE_SIDE) {
        return complain(camera, "changes the format that was asked for", "choose another --size");
    }
    const int32_t row_bytes = (int32_t)given->width * FORMATS[choice].bytes_per_pixel;
    const int32_t row_step = (int32_t)given->bytesperline;
    camera->image = (td_image){NULL, (int32_t)given->height, (int32_t)given->width,
                               row_step > row_bytes ? row_step : row_bytes,
                               FORMATS[choice].format};
    return 0;
}

static int start(td_camera *camera)
{
    struct v4l2_requestbuffers wish = {
        .count = MAX_BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (request(camera, VIDIOC_REQBUFS, &wish) < 0 || wish.count < 1) {
        return complain(camera, "provides no buffers", strerror(errno));
    }
    const uint32_t count = wish.count < MAX_BUFFERS ? wish.count : MAX_BUFFERS;
    for (uint32_t i = 0; i < count; i++) {
        struct v4l2_buffer buffer = {
            .index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (request(camera, VIDIOC_QUERYBUF, &buffer) < 0) {
            return complain(camera, "provides no buffers", strerror(errno));
        }
        void *memory = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, camera->file,
                            (off_t)buffer.m.offset);
        if (memory == MAP_FAILED || request(camera, VIDIOC_QBUF, &buffer) < 0) {
            return complain(camera, "provides no buffers", strerror(errno));
        }
        camera->buffers[i] = memory;
        camera->buffer_bytes[i] = buffer.length;
        camera->num_buffers++;
    }
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (request(camera, VIDIOC_STREAMON, &type) < 0) {
        return complain(camera, "does not start", strerror(errno));
    }
    return 0;
}

/* Take the newest frame and give older ones back: what is shown is what is there now.
 * Returns 1, 0 when the driver has none that is whole, -1 after a message. */
static int take_frame(const td_camera *camera, struct v4l2_buffer *newest)
{
    struct pollfd ready = {.fd = camera->file, .events = POLLIN};
    const int status = poll(&ready, 1, TIMEOUT_MS);
    if (status < 0 && errno == EINTR) {
        return 0;
    }
    if (status <= 0) {
        return complain(camera, "delivers no frames", status ? strerror(errno) : "waited 5 s");
    }
    int taken = 0;
    for (;;) {
        struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     .memory = V4L2_MEMORY_MMAP};
        if (request(camera, VIDIOC_DQBUF, &buffer) < 0) {
            if (errno == EAGAIN) {
                return taken;
            }
            return complain(camera, "stopped", strerror(errno));
        }
        if (buffer.index >= (uint32_t)camera->num_buffers) {
            return complain(camera, "stopped", "its driver returned an invalid buffer");
        }
        const size_t needed = (size_t)camera->image.row_step_bytes * (size_t)camera->image.height;
        const int whole = !(buffer.flags & V4L2_BUF_FLAG_ERROR) &&
                          camera->buffer_bytes[buffer.index] >= needed;
        struct v4l2_buffer *spare = whole ? newest : &buffer;
        if ((taken || !whole) && request(camera, VIDIOC_QBUF, spare) < 0) {
            return complain(camera, "stopped", strerror(errno));
        }
        if (whole) {
            *newest = buffer;
            taken = 1;
        }
    }
}

static int report_frames(td_camera *camera, td_detector *detector, int64_t max_frames)
{
    for (int64_t frame = 0; max_frames < 0 || frame < max_frames;) {
        struct v4l2_buffer buffer = {0};
        const int status = take_frame(camera, &buffer);
        if (status < 0) {
            return -1;
        }
        if (status == 0) {
            continue;
        }
        camera->image.pixels = camera->buffers[buffer.index];
        const td_origin origin = {camera->device, frame, -1, -1};
        if (td_detector_report(detector, &camera->image, &origin) != 0) {
            return complain(camera, "delivers frames of an unusable size", "choose --size");
        }
        if (request(camera, VIDIOC_QBUF, &buffer) < 0) {
            return complain(camera, "stopped", strerror(errno));
        }
        frame++;
    }
    return 0;
}

int td_report_camera(td_detector *detector, const char *device, int32_t height, int32_t width,
                     int64_t max_frames)
{
    td_camera camera = {.device = device};
    camera.file = open(device, O_RDWR | O_NONBLOCK);
    if (camera.file < 0) {
        return complain(&camera, "cannot be opened", strerror(errno));
    }
    int status = -1;
    if (check_device(&camera) == 0 && set_format(&camera, height, width) == 0 &&
        start(&camera) == 0) {
        status = report_frames(&camera, detector, max_frames);
    }
    for (int i = 0; i < camera.num_buffers; i++) {
        (void)munmap(camera.buffers[i], camera.buffer_bytes[i]);
    }
    (void)close(camera.file); /* ends the stream too */
    return status;
}
