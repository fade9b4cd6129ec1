// The workbench: a grid of all images that pass the filters, and an editor for one of them.
"use strict";

const byId = (id) => document.getElementById(id);
const TILE = { width: 208, height: 176 }; // narrower where a window has no room for two
const SMALLEST_PX = 4; // a shorter drag is a click
let state = null; // what the server tells of the data set
let images = []; // [index, name, objects, disagreements, revision] of each image shown
let place = -1; // of the open image in `images`; -1: the grid is shown
let image = null; // the open image as the server has it
let boxes = []; // its objects as they are now
let chosen = -1; // index in `boxes`
let history = []; // earlier states of `boxes`
let showsFound = true;

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The session has ended: nothing answers. Start it again in the terminal.");
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// ---- filters and grid ----

function filters() {
  const words = new URLSearchParams();
  for (const [key, value] of new FormData(byId("filters"))) if (value) words.append(key, value);
  return words;
}

async function load() {
  state = await ask("state");
  byId("data").textContent = `${state.data} (${state.format}, ${state.total} images)`;
  byId("note").textContent = state.note ? `Labels are only read. ${state.note}` : "";
  const fill = (name, values) => {
    const list = byId("filters").elements[name];
    list.append(...values.map((value) => element("option", { value, textContent: value })));
    list.closest("label").hidden = !values.length;
  };
  fill("class", state.classes.map((one) => one.name));
  fill("size", state.sizes);
  fill("part", state.parts);
  if (state.model !== null) {
    byId("model").hidden = false;
    const kinds = [["", "do not filter"], ["any", "any"],
      ...Object.entries(state.problems).map(([kind, one]) => [kind, one.text])];
    byId("problems").append(...kinds.map(([value, text]) => element("label", {},
      element("input", { type: "radio", name: "problem", value, checked: !value }), `${text} `,
      element("span", { className: "few" }))));
    watch();
  } else {
    byId("disagree").hidden = true;
  }
  await select();
}

async function watch() { // the model goes through the images while the page is open
  const now = await ask("state");
  const done = now.seen === now.total;
  byId("seen").textContent = `${now.model}: ${done ? "all" : now.seen} of ${now.total} images seen`;
  for (const input of byId("problems").querySelectorAll("input")) {
    const known = now.problems[input.value];
    if (known) input.parentNode.lastChild.textContent = `(${known.images})`;
  }
  if (!done) setTimeout(() => watch().catch(() => {}), 1500);
}

async function select() {
  const asked = String(filters());
  const answer = await ask(`images?${asked}`);
  if (asked !== String(filters())) return; // typed on meanwhile: the next answer counts
  images = answer;
  const shown = images.length === state.total ? "All" : images.length;
  byId("count").textContent = `${shown} of ${state.total} images`;
  byId("grid").scrollTop = 0;
  drawGrid(true);
}

function drawGrid(afresh = false) {
  const grid = byId("grid"), rows = byId("rows");
  const columns = Math.max(2, Math.floor(grid.clientWidth / TILE.width));
  const width = Math.min(TILE.width, grid.clientWidth / columns);
  rows.style.height = `${Math.ceil(images.length / columns) * TILE.height}px`;
  const first = Math.max(0, Math.floor(grid.scrollTop / TILE.height) - 2) * columns;
  const last = first + (Math.ceil(grid.clientHeight / TILE.height) + 4) * columns;
  const kept = new Map();
  for (const tile of [...rows.children]) {
    const at = Number(tile.dataset.place);
    if (afresh || at < first || at >= last) tile.remove();
    else kept.set(at, tile);
  }
  for (let at = first; at < Math.min(last, images.length); at++) {
    const tile = kept.get(at) ?? rows.appendChild(makeTile(at));
    tile.style.width = `${width}px`;
    tile.style.left = `${(at % columns) * width}px`;
    tile.style.top = `${Math.floor(at / columns) * TILE.height}px`;
  }
}

function makeTile(at) {
  const [index, name, objects, problems, revision] = images[at];
  const said = `${objects} object${objects === 1 ? "" : "s"}`;
  const few = element("span", { className: "few", textContent: said });
  if (problems) few.append(" ", element("b", { className: "bad", textContent: `${problems} to check` }));
  const tile = element("button", { className: "tile", type: "button", title: name },
    element("img", { alt: "", src: `thumbnail/${index}?${revision}` }),
    element("span", { textContent: name }), few);
  tile.dataset.place = at;
  tile.onclick = () => attempt(() => open(at));
  return tile;
}

// ---- one image ----

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    byId("message").textContent = error.message;
    if (place < 0) byId("note").textContent = error.message;
  }
}

const isChanged = () => image !== null && JSON.stringify(boxes) !== JSON.stringify(image.boxes);

async function save() {
  if (!isChanged()) return;
  take(await ask(`labels/${images[place][0]}`, { version: image.version, boxes }));
  images[place][2] = boxes.length;
  images[place][3] = image.problems.length;
  images[place][4] += 1;
  byId("message").textContent = "Saved.";
}

async function open(at) {
  await save();
  const record = await ask(`labels/${images[at][0]}`);
  place = at;
  byId("grid").hidden = true;
  byId("editor").hidden = false;
  byId("message").textContent = record.error;
  byId("picture").src = `picture/${images[at][0]}`;
  take(record);
}

function take(record) {
  image = record;
  boxes = structuredClone(record.boxes);
  chosen = -1;
  history = [];
  byId("name").textContent = `${record.name}${record.part ? ` (${record.part})` : ""}`;
  byId("marked").checked = record.marked;
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place >= images.length - 1;
  draw();
}

async function back() {
  await save();
  const tile = place;
  place = -1;
  image = null;
  byId("editor").hidden = true;
  byId("grid").hidden = false;
  drawGrid(true);
  byId("rows").querySelector(`[data-place="${tile}"]`)?.focus();
}

function change(action) {
  if (!state.editable) return;
  history.push(structuredClone(boxes));
  action();
  draw();
}

function undo() {
  if (history.length) boxes = history.pop();
  chosen = -1;
  draw();
}

const colour = (name) => `rgb(${state.classes.find((one) => one.name === name)?.colour ?? [128, 128, 128]})`;

function frame(box, kind, label, className) {
  const made = element("div", { className: `box ${kind}` });
  putAt(made, box);
  made.style.borderColor = className === null ? "transparent" : colour(className);
  if (label) made.append(element("b", { textContent: label }));
  return made;
}

function putAt(made, [x0, y0, x1, y1]) {
  Object.assign(made.style, {
    left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`,
    height: `${100 * (y1 - y0)}%`,
  });
}

function draw() {
  const shown = [];
  for (const one of showsFound ? image.problems : []) shown.push(frame(one.box, "problem", "", null));
  for (const one of showsFound ? image.found : []) {
    shown.push(frame(one.box, "found", `${one.class_name} ${one.score.toFixed(2)}`, one.class_name));
  }
  boxes.forEach((one, index) => {
    const kind = `${one.ignored ? "ignored" : ""} ${index === chosen ? "chosen" : ""}`;
    const made = frame(one.box, kind, one.class, one.class);
    made.dataset.index = index;
    if (index === chosen && state.editable) {
      for (const [x, y] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
        const handle = element("div", { className: "handle" });
        Object.assign(handle.style, { left: `${100 * x}%`, top: `${100 * y}%` });
        handle.style.cursor = x === y ? "nwse-resize" : "nesw-resize";
        Object.assign(handle.dataset, { x, y });
        made.append(handle);
      }
    }
    shown.push(made);
  });
  byId("boxes").replaceChildren(...shown);
  byId("objects").replaceChildren(...boxes.map(objectRow));
  byId("found").replaceChildren(...image.problems.map((one) => element("li", {
    textContent: `${one.class}: ${one.text}${one.other ? ` (${one.other})` : ""}` +
      (one.score === null ? "" : `, score ${one.score.toFixed(2)}`),
  })));
  byId("undo").disabled = !history.length;
  byId("save").disabled = !isChanged();
}

function objectRow(one, index) {
  const names = state.classes.map(({ name }) => element("option", {
    value: name, textContent: name, selected: name === one.class,
  }));
  const list = element("select", { ariaLabel: `Class of object ${index + 1}`, disabled: !state.editable }, ...names);
  list.onchange = () => change(() => { one = boxes[index]; one.class = list.value; });
  const remove = element("button", { type: "button", textContent: "Delete", disabled: !state.editable });
  remove.ariaLabel = `Delete object ${index + 1}`;
  remove.onclick = (event) => { event.stopPropagation(); change(() => { boxes.splice(index, 1); chosen = -1; }); };
  const row = element("li", { className: index === chosen ? "chosen" : "" }, list, " ", remove);
  if (state.can_ignore) {
    const input = element("input", { type: "checkbox", checked: one.ignored });
    input.onchange = () => change(() => { boxes[index].ignored = input.checked; });
    row.append(element("label", {}, input, " ignored"));
  }
  if (one.shape !== "box") row.append(element("span", { className: "help", textContent: ` ${one.shape}` }));
  row.style.borderColor = colour(one.class);
  row.onclick = (event) => { if (event.target === row) { chosen = index; draw(); } };
  return row;
}

// ---- the mouse ----

byId("stage").onpointerdown = (event) => {
  if (event.button) return;
  const area = byId("boxes").getBoundingClientRect();
  const start = [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  const target = event.target.closest(".box");
  const handle = event.target.closest(".handle");
  const index = target ? Number(target.dataset.index) : -1;
  const before = target ? [...boxes[index].box] : null;
  let moved = null, made = null;
  const at = (e) => [
    Math.min(1, Math.max(0, (e.clientX - area.left) / area.width)),
    Math.min(1, Math.max(0, (e.clientY - area.top) / area.height)),
  ];
  const move = (e) => {
    if (!state.editable) return;
    if (Math.hypot(e.clientX - event.clientX, e.clientY - event.clientY) < SMALLEST_PX && !moved) return;
    const now = at(e);
    if (handle) {
      const x = Number(handle.dataset.x), y = Number(handle.dataset.y);
      moved = sorted([x ? before[0] : before[2], y ? before[1] : before[3], ...now]);
    } else if (target) {
      const [x, y] = [0, 1].map((k) => Math.min(1 - before[k + 2], Math.max(-before[k], now[k] - start[k])));
      moved = [before[0] + x, before[1] + y, before[2] + x, before[3] + y];
    } else {
      moved = sorted([...start, ...now]);
    }
    made ??= target ?? byId("boxes").appendChild(element("div", { className: "box chosen" }));
    putAt(made, moved);
  };
  const up = () => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", up);
    window.removeEventListener("pointercancel", up);
    if (!moved) {
      chosen = index;
      return draw();
    }
    change(() => {
      if (target) {
        boxes[index].box = moved;
        chosen = index;
      } else {
        const name = boxes[chosen]?.class ?? byId("filters").elements.class.value;
        boxes.push({ key: null, class: name || state.classes[0].name, box: moved, ignored: false, shape: "box" });
        chosen = boxes.length - 1;
      }
    });
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", up);
  window.addEventListener("pointercancel", up);
  event.preventDefault();
};

const sorted = ([a, b, c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];

function fit() { // the picture as large as there is room for
  const picture = byId("picture"), work = byId("work");
  if (!picture.naturalWidth || place < 0) return;
  const isNarrow = getComputedStyle(work).flexDirection === "column";
  const width = work.clientWidth - (isNarrow ? 16 : 290);
  const height = isNarrow ? window.innerHeight * 0.5 : work.clientHeight - 8;
  const scale = Math.min(width / picture.naturalWidth, height / picture.naturalHeight);
  picture.style.width = `${picture.naturalWidth * scale}px`;
  picture.style.height = `${picture.naturalHeight * scale}px`;
}

// ---- the keyboard and the rest ----

const KEYS = {
  Escape: back, ArrowLeft: () => place > 0 && open(place - 1), z: undo, s: save,
  ArrowRight: () => place < images.length - 1 && open(place + 1),
  m: () => byId("marked").click(),
  d: () => { showsFound = !showsFound; draw(); },
  Delete: () => chosen >= 0 && change(() => { boxes.splice(chosen, 1); chosen = -1; }),
};
KEYS.Backspace = KEYS.Delete;

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input[type=search], select");
  if (place < 0 || typing || (event.altKey || (event.ctrlKey && !"sz".includes(event.key)))) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const number = Number(key);
  if (number >= 1 && number <= state.classes.length && chosen >= 0) {
    change(() => { boxes[chosen].class = state.classes[number - 1].name; });
  } else if (KEYS[key]) {
    event.preventDefault();
    attempt(KEYS[key]);
  }
});
for (const [id, key] of [["back", "Escape"], ["previous", "ArrowLeft"], ["next", "ArrowRight"], ["undo", "z"], ["save", "s"]]) {
  byId(id).onclick = () => attempt(KEYS[key]);
}
byId("marked").onchange = () => attempt(async () => {
  const marked = byId("marked").checked;
  await ask(`marks/${images[place][0]}`, { marked });
  image.marked = marked;
});
byId("filters").oninput = () => attempt(async () => {
  if (place >= 0) await back();
  await select();
});
byId("filters").onsubmit = (event) => event.preventDefault();
byId("grid").onscroll = () => drawGrid();
byId("picture").onload = fit;
window.onresize = () => { drawGrid(); fit(); };
window.onbeforeunload = (event) => { if (isChanged()) event.preventDefault(); };
byId("close").onclick = () => attempt(async () => {
  await save();
  await ask("close", {});
  document.body.replaceChildren(element("p", { textContent: "The session has ended; you can close this page." }));
});
load().catch((error) => { byId("note").textContent = error.message; });
