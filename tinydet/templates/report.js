"use strict";
(function () {
  const holder = document.getElementById("examples-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const slider = document.getElementById("score");
  const model = document.getElementById("model");
  const truthToggle = document.getElementById("truth");
  const stages = Array.from(document.querySelectorAll("#examples .stage"));
  const TAG_HEIGHT_PX = 16;

  function make(svg, name, attributes) {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    svg.appendChild(element);
    return element;
  }

  function rectangle(svg, box, attributes) {
    return make(svg, "rect", Object.assign({
      x: 100 * box[0] + "%", y: 100 * box[1] + "%",
      width: 100 * (box[2] - box[0]) + "%", height: 100 * (box[3] - box[1]) + "%"
    }, attributes));
  }

  function tag(svg, stage, box, style, text) {
    const width = stage.clientWidth, height = stage.clientHeight;
    const label = make(svg, "text", { fill: style.ink });
    label.textContent = text;
    let length = 0;
    try { length = label.getComputedTextLength(); } catch (error) { length = 0; }
    length = (length || 6.4 * text.length) + 8;
    const left = Math.max(0, Math.min(box[0] * width - 1, width - length));
    const above = box[1] * height - TAG_HEIGHT_PX;
    const top = above >= 0 ? above : Math.min(box[1] * height, height - TAG_HEIGHT_PX);
    const back = make(svg, "rect", {
      x: left, y: top, width: length, height: TAG_HEIGHT_PX, rx: 3, fill: style.colour
    });
    svg.insertBefore(back, label);
    label.setAttribute("x", left + 4);
    label.setAttribute("y", top + 12);
  }

  function draw() {
    const score = Number(slider.value), key = model.value;
    const counts = { shown: 0, hits: 0, alarms: 0, objects: 0 };
    data.examples.forEach(function (example, index) {
      const stage = stages[index], svg = stage.querySelector("svg");
      svg.textContent = "";
      for (const object of example.truth) {
        if (!object.ignored) counts.objects += 1;
        if (truthToggle.checked) {
          rectangle(svg, object.box, { "class": "under" });
          rectangle(svg, object.box, { "class": object.ignored ? "truth ignored" : "truth" });
        }
      }
      const detections = (example.detections[key] || []).filter(function (d) { return d.score >= score; });
      detections.sort(function (a, b) { return a.score - b.score; });
      for (const detection of detections) {
        const style = data.classes[detection["class"]];
        const named = data.classes.length > 1 ? style.name + " " : "";
        counts.shown += 1;
        if (detection.outcome === 1) counts.hits += 1;
        if (detection.outcome === 0) counts.alarms += 1;
        rectangle(svg, detection.box, { "class": "under" });
        const box = rectangle(svg, detection.box, { "class": "box", stroke: style.colour });
        make(box, "title", {}).textContent = style.name + " " + detection.score.toFixed(3);
        tag(svg, stage, detection.box, style, named + detection.score.toFixed(2));
      }
    });
    document.getElementById("score-value").textContent = score.toFixed(2);
    document.getElementById("box-count").textContent =
      counts.shown + (counts.shown === 1 ? " box shown" : " boxes shown");
    document.getElementById("hit-count").textContent =
      counts.hits + " of " + counts.objects + " labelled objects found, " +
      counts.alarms + (counts.alarms === 1 ? " false alarm" : " false alarms");
  }

  // "#score=0.8&model=best_model&truth=0" opens the page in that state.
  function followAddress() {
    const wish = new URLSearchParams(location.hash.slice(1));
    if (wish.has("score") && Number.isFinite(Number(wish.get("score")))) slider.value = wish.get("score");
    if (wish.has("truth")) truthToggle.checked = wish.get("truth") !== "0";
    const known = Array.from(model.options).some(function (o) { return o.value === wish.get("model"); });
    if (known) model.value = wish.get("model");
    if (wish.has("score") || wish.has("model") || wish.has("truth")) draw();
  }

  slider.addEventListener("input", draw);
  model.addEventListener("change", draw);
  truthToggle.addEventListener("change", draw);
  window.addEventListener("hashchange", followAddress);
  window.addEventListener("resize", draw);
  stages.forEach(function (stage) {
    const figure = stage.parentElement, button = figure.querySelector("button");
    function enlarge() {
      button.setAttribute("aria-expanded", String(figure.classList.toggle("large")));
      draw();
    }
    stage.addEventListener("click", enlarge);
    button.addEventListener("click", enlarge);
  });
  draw();
  followAddress();
})();
(function () {
  const holder = document.getElementById("threshold-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const slider = document.getElementById("threshold");
  const lines = Array.from(document.getElementById("threshold-rows").rows);

  function percent(part, whole) { return whole ? (100 * part / whole).toFixed(1) : "\u2013"; }

  function show() {
    const index = Number(slider.value) - data.first;
    document.getElementById("threshold-value").textContent = (slider.value / 100).toFixed(2);
    data.rows.forEach(function (row, number) {
      const hits = row.hits[index], alarms = row.alarms[index];
      const texts = [
        percent(hits, hits + alarms), percent(hits, row.objects),
        percent(2 * hits, hits + alarms + row.objects), hits, row.objects - hits, alarms
      ];
      texts.forEach(function (text, column) { lines[number].cells[column + 1].textContent = text; });
    });
  }

  // "#threshold=30" opens the page at that position.
  function followAddress() {
    const wish = new URLSearchParams(location.hash.slice(1)).get("threshold");
    if (wish !== null && Number.isFinite(Number(wish))) slider.value = wish;
    show();
  }

  slider.addEventListener("input", show);
  window.addEventListener("hashchange", followAddress);
  followAddress();
})();
(function () {
  const button = document.getElementById("copy");
  if (!button) return;
  button.addEventListener("click", function () {
    const code = document.getElementById(button.dataset.copies);
    const done = function () { button.textContent = "Copied"; };
    const select = function () {  // a page from a file may have no clipboard
      getSelection().selectAllChildren(code);
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, select);
    else select();
  });
})();
window.addEventListener("beforeprint", function () {
  document.querySelectorAll("details").forEach(function (details) { details.open = true; });
});
