"""The kernel's side of a V4L2 camera, for the emulated Linux machine."""

import errno
import struct

CAPTURE, STREAMING, DEVICE_CAPS = 0x1, 0x0400_0000, 0x8000_0000
ERROR_FLAG = 0x40
# Numbers of the requests (linux/videodev2.h); their upper bits give direction and size.
NAMES = {
    0: "query_capabilities", 2: "enumerate_formats", 5: "set_format", 8: "request_buffers",
    9: "query_buffer", 15: "queue", 17: "dequeue", 18: "start", 19: "stop",
}  # fmt: skip
# Bytes of struct v4l2_buffer and offset of its length, in 32 and 64 bits (times of 64 bits).
BUFFER_LAYOUT = {True: (80, 68), False: (88, 72)}
BYTES_PER_PIXEL = {"YUYV": 2, "UYVY": 2, "RGBP": 2, "RGBR": 2, "RGB3": 3, "GREY": 1}


class FakeCamera:
    """A camera whose frames are given.

    Args:
        offers: Four-letter codes of its formats, in its order.
        batches: Frames that are ready together at each poll: ``(content, flags)``.
        size: ``(height, width)`` it insists on; None: what is asked for.
        row_padding: Bytes behind each row.
        capabilities: What it says it can.
    """

    def __init__(self, offers, batches, size=None, row_padding=0, capabilities=CAPTURE | STREAMING):
        self.offers, self.batches, self.size = list(offers), list(batches), size
        self.row_padding, self.capabilities = row_padding, capabilities
        self.buffer_bytes, self.addresses, self.queued, self.ready = 0, {}, [], []
        self.format, self.is_on = None, False

    def ioctl(self, uc, code, address, is_32):
        """Answer a request; negative: an error number."""
        assert code >> 8 & 0xFF == ord("V")
        self.uc, self.at, self.is_32 = uc, address, is_32
        self.request_bytes = code >> 16 & 0x3FFF
        return getattr(self, f"_{NAMES[code & 0xFF]}")() or 0

    def mapped(self, offset, address):
        """A buffer lies at an address of the program."""
        self.addresses[offset // self.buffer_bytes] = address

    def has_frame(self):
        """What poll waits for: the next frames arrive in the buffers that are queued."""
        if not self.ready and self.is_on and self.batches:
            for content, flags in self.batches.pop(0):
                index = self.queued.pop(0)
                self.uc.mem_write(self.addresses[index], content)
                self.ready.append((index, flags))
        return bool(self.ready)

    def _get(self, offset):
        return struct.unpack("<I", self.uc.mem_read(self.at + offset, 4))[0]

    def _put(self, offset, value):
        self.uc.mem_write(self.at + offset, struct.pack("<I", value))

    def _query_capabilities(self):
        self._put(84, self.capabilities | DEVICE_CAPS)
        self._put(88, self.capabilities)

    def _enumerate_formats(self):
        index = self._get(0)
        if index >= len(self.offers):
            return -errno.EINVAL
        self._put(44, int.from_bytes(self.offers[index].encode(), "little"))
        return 0

    def _set_format(self):
        fmt = 4 if self.is_32 else 8
        if self.size:
            self._put(fmt, self.size[1])
            self._put(fmt + 4, self.size[0])
        self.format = struct.pack("<I", self._get(fmt + 8)).decode()
        row_bytes = self._get(fmt) * BYTES_PER_PIXEL[self.format] + self.row_padding
        self._put(fmt + 16, row_bytes)
        self.buffer_bytes = -(-row_bytes * self._get(fmt + 4) // 4096) * 4096

    def _request_buffers(self):
        self._put(0, min(self._get(0), 3))

    def _check_buffer(self):
        assert self.request_bytes == BUFFER_LAYOUT[self.is_32][0]
        return self._get(0)

    def _query_buffer(self):
        index = self._check_buffer()
        self._put(64, index * self.buffer_bytes)
        self._put(BUFFER_LAYOUT[self.is_32][1], self.buffer_bytes)

    def _queue(self):
        index = self._check_buffer()
        assert index not in self.queued
        self.queued.append(index)

    def _dequeue(self):
        self._check_buffer()
        if not self.ready:
            return -errno.EAGAIN
        index, flags = self.ready.pop(0)
        self._put(0, index)
        self._put(12, flags)
        return 0

    def _start(self):
        self.is_on = True

    def _stop(self):
        self.is_on = False
