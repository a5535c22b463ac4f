// The pair viewer: a dividing line between before and after, zoom, mesh, difference. Both sides are moved alike.
"use strict";

const MOST = 16; // times
const STEP = 1.5; // of a button or key
const NEAR = 22; // pixels around the line at which a finger takes it
const COARSE = 3; // screen pixels per picture pixel from which pixels are shown as squares
const MEMORY = "facepriv.viewer";

const by = (id) => document.getElementById(id);
const stage = by("stage");
const split = by("split"); // none of these three where nothing was stored
const showMesh = by("show-mesh");
const showDifference = by("show-difference");
const picture = stage.querySelector("img");
const view = { zoom: 1, x: 0, y: 0 };

// What is shown

function draw() {
  const { width, height } = stage.getBoundingClientRect();
  view.x = Math.min(0, Math.max(width * (1 - view.zoom), view.x));
  view.y = Math.min(0, Math.max(height * (1 - view.zoom), view.y));
  stage.style.setProperty("--zoom", view.zoom);
  stage.style.setProperty("--x", `${view.x}px`);
  stage.style.setProperty("--y", `${view.y}px`);
  stage.classList.toggle("zoomed", view.zoom > 1);
  stage.classList.toggle("coarse", (width * view.zoom) / (picture.naturalWidth || width) >= COARSE);
  by("zoom").textContent = `${Math.round(100 * view.zoom)} %`;
  by("smaller").disabled = view.zoom <= 1;
  by("larger").disabled = view.zoom >= MOST;
  if (showMesh) {
    by("mesh").hidden = !showMesh.checked;
  }
  if (split) {
    drawSides();
  }
}

function drawSides() {
  const right = by("right-tag");
  const different = showDifference !== null && showDifference.checked;
  const at = Number(split.value);
  stage.style.setProperty("--split", `${at}%`);
  right.textContent = different ? right.dataset.difference : right.dataset.after;
  by("left-tag").classList.toggle("unseen", at === 0);
  right.classList.toggle("unseen", at === 100);
  split.setAttribute("aria-valuetext", `${at} %, left of it: before, right of it: ${right.textContent}`);
  if (showDifference) {
    by("after").hidden = different;
    by("difference").hidden = !different;
    by("difference-note").hidden = !different;
  }
}

// Going from image to image, the line and the two choices stay as they were; they say nothing about anybody.

function remember() {
  try {
    const kept = { split: split?.value, mesh: showMesh?.checked, difference: showDifference?.checked };
    sessionStorage.setItem(MEMORY, JSON.stringify({ ...recalled(), ...kept }));
  } catch {
    // A browser that keeps nothing shows every image afresh.
  }
}

function recalled() {
  try {
    return JSON.parse(sessionStorage.getItem(MEMORY)) ?? {};
  } catch {
    return {};
  }
}

function recall() {
  const kept = recalled();
  if (split) split.value = kept.split ?? "50";
  if (showMesh) showMesh.checked = kept.mesh === true;
  if (showDifference) showDifference.checked = kept.difference === true;
}

// What one can do

function moveLine(share) {
  if (split) {
    split.value = String(Math.round(Math.min(100, Math.max(0, share))));
    changed();
  }
}

function changed() {
  draw();
  remember();
}

function zoomTo(zoom, x, y) {
  const next = Math.min(MOST, Math.max(1, zoom));
  // The point under the pointer stays where it is.
  view.x = x - ((x - view.x) * next) / view.zoom;
  view.y = y - ((y - view.y) * next) / view.zoom;
  view.zoom = next;
  draw();
}

function zoomBy(factor) {
  const { width, height } = stage.getBoundingClientRect();
  const next = view.zoom * factor;
  stage.classList.add("eased");
  zoomTo(Math.abs(next - 1) < 0.05 ? 1 : next, width / 2, height / 2);
}

function pan(x, y) {
  view.x += x;
  view.y += y;
  draw();
}

function reset() {
  Object.assign(view, { zoom: 1, x: 0, y: 0 });
  stage.classList.add("eased");
  if (split) split.value = "50";
  for (const box of [showMesh, showDifference]) {
    if (box) box.checked = false;
  }
  changed();
}

// Buttons and keys

by("smaller").addEventListener("click", () => zoomBy(1 / STEP));
by("larger").addEventListener("click", () => zoomBy(STEP));
by("reset").addEventListener("click", reset);
for (const control of [split, showMesh, showDifference]) {
  control?.addEventListener("input", changed);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "+" || event.key === "=") zoomBy(STEP);
  else if (event.key === "-") zoomBy(1 / STEP);
  else if (event.key === "0") reset();
  else return;
  event.preventDefault();
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

stage.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
  const [x, y] = arrow;
  if (view.zoom > 1) {
    const far = stage.clientWidth / 10;
    stage.classList.add("eased");
    pan(-x * far, -y * far);
  } else if (x !== 0 && split) {
    moveLine(Number(split.value) + x * (event.shiftKey ? 10 : 2));
  } else {
    return; // the page scrolls
  }
  event.preventDefault();
});

// Mouse, pen and fingers

const pointers = new Map();
let takes = null; // what a drag moves: "line" or "picture"

function place(event) {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function spread() {
  const [a, b] = [...pointers.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || pointers.size === 2) return;
  const at = place(event);
  stage.classList.remove("eased");
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, at);
  if (pointers.size === 1) {
    const line = split ? (stage.clientWidth * Number(split.value)) / 100 : Infinity;
    takes = split && (view.zoom === 1 || Math.abs(at.x - line) <= NEAR) ? "line" : "picture";
    if (takes === "line" && event.pointerType === "mouse") moveLine((100 * at.x) / stage.clientWidth);
  }
});

stage.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const at = place(event);
  if (pointers.size === 2) {
    const old = spread();
    pointers.set(event.pointerId, at);
    const now = spread();
    pan(now.x - old.x, now.y - old.y);
    zoomTo((view.zoom * now.apart) / old.apart, now.x, now.y);
    return;
  }
  pointers.set(event.pointerId, at);
  if (takes === "line") moveLine((100 * at.x) / stage.clientWidth);
  else pan(at.x - before.x, at.y - before.y);
});

for (const end of ["pointerup", "pointercancel"]) {
  stage.addEventListener(end, (event) => {
    pointers.delete(event.pointerId);
    takes = "picture"; // a finger left over from two moves the picture on
  });
}

stage.addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    stage.classList.remove("eased");
    const { x, y } = place(event);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    zoomTo(view.zoom * Math.exp(-Math.max(-60, Math.min(60, event.deltaY * lines)) / 150), x, y);
  },
  { passive: false },
);

// A picture that does not come is told; the frame is as high as what it holds.

function missing(image) {
  return image.complete && image.naturalWidth === 0;
}

for (const image of document.images) {
  image.addEventListener("error", () => (by("gone").hidden = false));
  image.addEventListener("load", draw);
  if (missing(image)) by("gone").hidden = false;
}

function fit() {
  const frame = window.frameElement;
  if (frame) {
    frame.style.display = "block";
    frame.style.height = `${Math.ceil(document.body.getBoundingClientRect().height)}px`;
  }
}

recall();
draw();
new ResizeObserver(() => {
  draw();
  fit();
}).observe(document.body);
