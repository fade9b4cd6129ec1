// The page: from an image or the camera to boxes on it.

const byId = (id) => document.getElementById(id);
const card = JSON.parse(byId("card").textContent);
const picture = byId("picture");
const pixels = picture.getContext("2d", { willReadFrequently: true });
const next = document.createElement("canvas"); // what is being computed; then it is shown with its boxes
const nextPixels = next.getContext("2d", { willReadFrequently: true });
const video = document.createElement("video");
video.muted = true;
video.playsInline = true; // phones would show it in full screen

const FRAMES_AVERAGED = 20;
const SIDE_LABEL = 0.6; // boxes that begin right of this share of the image have their label at their right end

let detector = null;
let threshold = card.score_threshold; // exactly the model's, until the slider is moved
let shown = null; // {detections, ...} of the image on the page
let camera = null; // MediaStream
let newest = 0; // number of the last image that was asked for
let frameTimes = [];

// ---- one image ----

// Draw what a canvas can draw on an empty one.
function draw(context, source, width, height) {
  const canvas = context.canvas;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  } else {
    context.clearRect(0, 0, width, height);
  }
  context.drawImage(source, 0, 0);
}

// Detect in what a canvas can draw, and show it, unless it is not wanted any more; whether it was shown.
async function show(source, width, height, file, isWanted) {
  draw(nextPixels, source, width, height);
  const image = nextPixels.getImageData(0, 0, width, height);
  const found = await detector.detect(image);
  if (!isWanted()) return false;
  draw(pixels, next, width, height);
  byId("frame").style.setProperty("--ratio", width / height);
  shown = { file, width, height, ...found };
  byId("stage").classList.remove("empty");
  return true;
}

// What is found with the score that is set: boxes, list, figures, and whoever listens.
function drawDetections() {
  const { file, width, height } = shown;
  const detections = withScore(shown.detections, threshold);
  byId("boxes").replaceChildren(...detections.map(boxElement).reverse()); // the best on top
  byId("list").replaceChildren(...detections.map((found) => rowElement(found, width, height)));
  byId("results").hidden = detections.length === 0;
  byId("objects").textContent = detections.length;
  byId("network").textContent = `${shown.networkMs.toFixed(1)} ms`;
  byId("kernels").textContent = shown.kernels;
  byId("scaling").textContent = `${shown.scalingMs.toFixed(1)} ms`;
  byId("rate").textContent = camera ? framesPerSecond() : "–";
  const record = { file, width, height, detections };
  document.dispatchEvent(new CustomEvent("tinydet", { detail: record }));
  if (window.parent !== window) window.parent.postMessage({ tinydet: record }, "*");
}

function boxElement({ class_id, class_name, score, box: [x_min, y_min, x_max, y_max] }) {
  const box = document.createElement("div");
  box.className = "box";
  box.classList.toggle("low", y_min > 0.08); // room for the label above
  box.classList.toggle("right", x_min > SIDE_LABEL);
  box.style.left = `${100 * x_min}%`;
  box.style.top = `${100 * y_min}%`;
  box.style.width = `${100 * (x_max - x_min)}%`;
  box.style.height = `${100 * (y_max - y_min)}%`;
  const [colour, ink] = card.colours[class_id];
  box.style.setProperty("--colour", colour);
  const label = box.appendChild(document.createElement("span"));
  label.style.color = ink;
  label.textContent = `${class_name} ${score.toFixed(2)}`;
  return box;
}

function rowElement({ class_id, class_name, score, box: [x_min, y_min, x_max, y_max] }, width, height) {
  const row = document.createElement("tr");
  const corners = [x_min * width, y_min * height, x_max * width, y_max * height];
  for (const text of [class_name, score.toFixed(3), ...corners.map((side) => side.toFixed(1))]) {
    row.insertCell().textContent = text;
  }
  row.style.setProperty("--colour", card.colours[class_id][0]);
  return row;
}

// ---- image files ----

async function showFile(file) {
  stopCamera();
  const number = ++newest;
  const name = file.name || "the image";
  let bitmap;
  try {
    // As tinydet reads files: upright, and the stored colours as they are.
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
    });
  } catch {
    say(`${name} is not an image that this browser can read. Choose a JPEG, PNG or WebP file.`, "error");
    return;
  }
  const { width, height } = bitmap;
  const isWanted = () => number === newest; // else another one was asked for meanwhile
  if (!isWanted()) return;
  try {
    if (!(await show(bitmap, width, height, name, isWanted))) return;
  } catch {
    if (isWanted()) say(`${name} is too large (${width} × ${height} pixels). Scale it down first.`, "error");
    return;
  } finally {
    bitmap.close();
  }
  drawDetections();
  const transparent = " It has transparent parts, whose colours may differ from those that other programs read.";
  const count = Number(byId("objects").textContent);
  say(`${name}: ${count} ${count === 1 ? "object" : "objects"}.${shown.isOpaque ? "" : transparent}`);
}

function showFiles(files) {
  if (files.length > 0) showFile(files[0]);
  else say("That was not an image file. Save the image first, then drop the file.", "error");
}

// ---- camera ----

async function startCamera() {
  stopCamera();
  const number = ++newest;
  say("Waiting for the camera …");
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    const chosen = byId("cameras").value;
    const stream = await navigator.mediaDevices.getUserMedia({
      video: chosen ? { deviceId: { exact: chosen } } : { facingMode: "environment" },
    });
    if (number !== newest) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    camera = stream;
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    if (number === newest) {
      stopCamera();
      say(cameraMessage(error), "error");
    }
    return;
  }
  const stream = camera;
  if (number !== newest || !stream) return;
  stream.getVideoTracks()[0].addEventListener("ended", () => {
    if (camera !== stream) return;
    stopCamera();
    say("The camera was disconnected. Connect it and start it again.", "error");
  });
  byId("camera").textContent = "Stop camera";
  say("The camera is running.");
  listCameras(stream);
  watch(stream);
}

function stopCamera() {
  if (camera) for (const track of camera.getTracks()) track.stop();
  camera = null;
  video.srcObject = null;
  frameTimes = [];
  byId("camera").textContent = "Start camera";
  byId("rate").textContent = "–";
}

async function watch(stream) {
  while (camera === stream) {
    await nextFrame();
    if (camera !== stream) return;
    const isWanted = () => camera === stream;
    if (!(await show(video, video.videoWidth, video.videoHeight, "camera", isWanted))) return;
    frameTimes = [...frameTimes.slice(-FRAMES_AVERAGED), performance.now()];
    drawDetections();
  }
}

function nextFrame() {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
}

function framesPerSecond() {
  const seconds = (frameTimes[frameTimes.length - 1] - frameTimes[0]) / 1000;
  return frameTimes.length > 1 ? ((frameTimes.length - 1) / seconds).toFixed(1) : "–";
}

async function listCameras(stream) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  const options = cameras.map(({ deviceId, label }, index) => new Option(label || `Camera ${index + 1}`, deviceId));
  byId("cameras").replaceChildren(...options);
  byId("cameras").value = stream.getVideoTracks()[0].getSettings().deviceId;
  byId("cameras").parentElement.hidden = cameras.length < 2;
}

function cameraMessage({ name, message }) {
  switch (name) {
    case "NotFoundError":
    case "OverconstrainedError":
      return "No camera was found. Connect one and start it again, or choose an image.";
    case "NotAllowedError":
      return "This page is not allowed to use the camera. Allow it in the browser's settings for this page, then start it again.";
    case "NotReadableError":
    case "AbortError":
      return "The camera could not be started. Close other programs that use it, then start it again.";
    case "SecurityError":
      return "Browsers only allow camera access from https:// and http://localhost. Run: python3 -m http.server --bind 127.0.0.1 in the folder of this page, then open http://localhost:8000.";
    default:
      return `The camera cannot be used (${name}: ${message}). Choose an image instead.`;
  }
}

// ---- the page ----

function say(text, kind = "note") {
  byId("message").textContent = text;
  byId("message").className = kind;
}

function listen() {
  byId("camera").addEventListener("click", () => {
    if (!camera) return startCamera();
    stopCamera();
    say("The camera is off.");
  });
  byId("cameras").addEventListener("change", startCamera);
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", ({ target }) => {
    if (target.files.length > 0) showFiles(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
  byId("score").addEventListener("input", ({ target }) => {
    threshold = Number(target.value);
    byId("score-value").textContent = threshold.toFixed(2);
    if (shown) drawDetections();
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    const files = [...clipboardData.files];
    if (files.length > 0) showFiles(files);
  });
  for (const moment of ["dragenter", "dragover"]) {
    document.addEventListener(moment, (event) => {
      event.preventDefault(); // files are welcome here
      document.body.classList.add("dragging");
    });
  }
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    showFiles(event.dataTransfer.files);
  });
}

async function start() {
  try {
    const [code, program, relaxed] = ["detector", "program", "relaxed"].map((id) => byId(id).textContent);
    detector = await WorkerDetector.load(code, program, card.class_names, relaxed);
  } catch {
    say("This browser cannot run the detector. It needs WebAssembly with SIMD, and gzip: Chrome or Edge 91, Firefox 113, Safari 16.4, or newer.", "error");
    return;
  }
  listen();
  for (const control of document.querySelectorAll("[disabled]")) control.disabled = false;
}

start();
