// The detector in WebAssembly, and the worker that it runs in; knows nothing of the page.
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

// In a worker: answers the calls of a WorkerDetector, one after the other.
function answerCalls(scope) {
  let loading = null;
  scope.onmessage = async ({ data: { number, method, given } }) => {
    try {
      if (method === "load") loading = Detector.load(...given);
      const detector = await loading;
      scope.postMessage({ number, result: method === "detect" ? detector.detect(...given) : null });
    } catch (error) {
      scope.postMessage({ number, error: { name: error.name, message: error.message } });
    }
  };
}

// A detector in a thread of its own: the page goes on while it computes.
class WorkerDetector {
  // code: this text; program and classNames: as for Detector.load.
  static async load(code, program, classNames) {
    const url = URL.createObjectURL(new Blob([code, "\nanswerCalls(self);"], { type: "text/javascript" }));
    const detector = new WorkerDetector(new Worker(url));
    try {
      await detector.call("load", [program, classNames]);
    } finally {
      URL.revokeObjectURL(url);
    }
    return detector;
  }

  constructor(worker) {
    this.worker = worker;
    this.waiting = new Map(); // number of a call to what ends it
    this.number = 0;
    worker.onmessage = ({ data: { number, result, error } }) => {
      const { resolve, reject } = this.waiting.get(number);
      this.waiting.delete(number);
      if (error) reject(Object.assign(new Error(error.message), { name: error.name }));
      else resolve(result);
    };
    worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(event.message));
      this.waiting.clear();
    };
  }

  call(method, given, moved = []) {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.number, { resolve, reject });
      this.worker.postMessage({ number: this.number, method, given }, moved);
    });
  }

  // What Detector.detect gives. The pixels move to the worker: the image is empty afterwards.
  detect({ data, width, height }) {
    return this.call("detect", [{ data, width, height }], [data.buffer]);
  }
}
