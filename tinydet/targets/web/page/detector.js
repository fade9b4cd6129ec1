// The detector in WebAssembly; knows nothing of the page.
//
// Its memory: constants, arena and stack of the C program, then the pixels of one image (RGBA).

const DETECTION_WORDS = 6; // td_detection: x_min, y_min, x_max, y_max, score (float32), class (int32)

class Detector {
  // program: base64 of the WebAssembly module; classNames: without the background.
  static async load(program, classNames) {
    const bytes = Uint8Array.from(atob(program), (character) => character.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(bytes);
    return new Detector(instance.exports, classNames);
  }

  constructor(program, classNames) {
    this.program = program;
    this.classNames = classNames;
    this.pixelsAt = program.memory.buffer.byteLength;
  }

  // Find the objects in an image: {data, width, height} as getImageData gives it, of any size.
  // Boxes are x_min, y_min, x_max, y_max in fractions of the image; the best object comes first.
  // Throws RangeError where the image is too large.
  detect({ data, width, height }) {
    const { memory, is_opaque, scale, detect } = this.program;
    const missingBytes = this.pixelsAt + data.length - memory.buffer.byteLength;
    if (missingBytes > 0) memory.grow(Math.ceil(missingBytes / 65536));
    new Uint8Array(memory.buffer, this.pixelsAt, data.length).set(data);
    const isOpaque = Boolean(is_opaque(this.pixelsAt, width * height));

    const start = performance.now();
    if (scale(this.pixelsAt, height, width) < 0) throw new RangeError("the image is too large");
    const scaled = performance.now();
    const count = detect(height, width);
    const networkMs = performance.now() - scaled;
    return { detections: this.read(count), isOpaque, scalingMs: scaled - start, networkMs };
  }

  read(count) {
    const { memory, found } = this.program;
    const real = new Float32Array(memory.buffer, found(), count * DETECTION_WORDS);
    const whole = new Int32Array(memory.buffer, found(), count * DETECTION_WORDS);
    return Array.from({ length: count }, (_, index) => {
      const first = index * DETECTION_WORDS;
      const class_id = whole[first + 5];
      return {
        class_id,
        class_name: this.classNames[class_id],
        score: real[first + 4],
        box: Array.from(real.subarray(first, first + 4)),
      };
    });
  }
}

// Detections of at least this score. Scores are float32 and are compared as such, as in Python.
// Suppression keeps the best box first, so this is also what it finds with the higher threshold.
function withScore(detections, threshold) {
  return detections.filter(({ score }) => score >= Math.fround(threshold));
}
