// The detector in WebAssembly, and the worker that it runs in; knows nothing of the page.
//
// Its memory: constants, arena and stack of the C program, then the pixels of one image (RGBA).

const DETECTION_WORDS = 6; // td_detection: x_min, y_min, x_max, y_max, score (float32), class (int32)

const TRIALS = 3; // inferences of each kind of kernels

// What a module in the page stands for: base64 of gzip.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

class Detector {
  // program: the WebAssembly module; classNames: without the background; relaxed: the module with relaxed SIMD.
  static async load(program, classNames, relaxed) {
    const { instance } = await WebAssembly.instantiate(program);
    const detector = new Detector(instance.exports, classNames);
    if (relaxed && WebAssembly.validate(relaxed)) await detector.tryRelaxed(relaxed);
    return detector;
  }

  constructor(program, classNames) {
    this.program = program;
    this.classNames = classNames;
    this.pixelsAt = program.memory.buffer.byteLength;
    this.places = { "SIMD": program.sums_of_module() }; // of kernels in the table of functions
    this.kernels = "SIMD";
  }

  use(kernels) {
    this.program.use_sums(this.places[kernels]);
    this.kernels = kernels;
  }

  // Relaxed SIMD gives the same numbers, but is slower on some processors: take what is faster here.
  async tryRelaxed(module) {
    const { memory, __indirect_function_table: table } = this.program;
    const { instance } = await WebAssembly.instantiate(module, { env: { memory } });
    this.places["relaxed SIMD"] = table.grow(1, instance.exports.sums);
    const fastest = { "SIMD": Infinity, "relaxed SIMD": Infinity };
    for (let trial = 0; trial < TRIALS; trial++) {
      for (const kernels of Object.keys(fastest)) {
        this.use(kernels);
        const start = performance.now();
        this.program.detect(1, 1);
        fastest[kernels] = Math.min(fastest[kernels], performance.now() - start);
      }
    }
    this.use(fastest["relaxed SIMD"] < fastest["SIMD"] ? "relaxed SIMD" : "SIMD");
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
    const { kernels } = this;
    return { detections: this.read(count), isOpaque, scalingMs: scaled - start, networkMs, kernels };
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

// A detector from modules as they stand in the page.
async function loadPacked(program, classNames, relaxed) {
  return Detector.load(await unpacked(program), classNames, await unpacked(relaxed));
}

// In a worker: answers the calls of a WorkerDetector, one after the other.
function answerCalls(scope) {
  let loading = null;
  scope.onmessage = async ({ data: { number, method, given } }) => {
    try {
      if (method === "load") loading = loadPacked(...given);
      const detector = await loading;
      scope.postMessage({ number, result: method === "detect" ? detector.detect(...given) : null });
    } catch (error) {
      scope.postMessage({ number, error: { name: error.name, message: error.message } });
    }
  };
}

// A detector in a thread of its own: the page goes on while it computes.
class WorkerDetector {
  // code: this text; the others: as for loadPacked.
  static async load(code, program, classNames, relaxed) {
    const url = URL.createObjectURL(new Blob([code, "\nanswerCalls(self);"], { type: "text/javascript" }));
    const detector = new WorkerDetector(new Worker(url));
    try {
      await detector.call("load", [program, classNames, relaxed]);
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
