// Drawing and asking: canvases, frames, the mask, keys and buttons.

const $ = (id) => document.getElementById(id);
const WIDTH = SETTINGS.width, HEIGHT = SETTINGS.height;
const GROUND = "#808080";
const PADDING = 24, GAP = 32; // of the stage, as in its style
const MOST = 320; // CSS pixels across
const stored = new Map(); // id -> a canvas that holds the decoded image, ready to be drawn within a frame

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const nextFrame = () => new Promise((done) => requestAnimationFrame(done));

function blank() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  return canvas;
}

async function preload(report) {
  const ids = Object.keys(STUDY.images);
  for (const id of ids) {
    const image = new Image();
    image.src = STUDY.images[id].src;
    await image.decode();
    const canvas = blank();
    canvas.getContext("2d").drawImage(image, 0, 0);
    stored.set(id, canvas);
    report(stored.size, ids.length);
  }
}

// Each pixel becomes a square of a whole number of CSS pixels, for all images alike; only images larger than the room
// are shrunk.
function layOut(count) {
  const room = ($("stage").clientWidth - 2 * PADDING - GAP * (count - 1)) / count;
  const factor = Math.floor(Math.min(MOST, room) / WIDTH);
  for (const canvas of [$("left"), $("right")]) {
    if (canvas.width !== WIDTH || canvas.height !== HEIGHT) [canvas.width, canvas.height] = [WIDTH, HEIGHT];
    canvas.style.width = `${factor ? WIDTH * factor : Math.min(WIDTH, room)}px`;
    canvas.style.imageRendering = factor || WIDTH <= room ? "" : "auto";
  }
  $("right").hidden = count < 2;
}

function put(canvas, picture) {
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

function cross() {
  const canvas = blank(), pen = canvas.getContext("2d");
  pen.fillStyle = GROUND;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  const arm = Math.max(1, Math.round(Math.min(WIDTH, HEIGHT) / 16)), thick = Math.max(1, Math.round(arm / 4));
  const x = Math.floor(WIDTH / 2), y = Math.floor(HEIGHT / 2);
  pen.fillStyle = "#000000";
  pen.fillRect(x - arm, y - Math.floor(thick / 2), 2 * arm + 1, thick);
  pen.fillRect(x - Math.floor(thick / 2), y - arm, thick, 2 * arm + 1);
  return canvas;
}

// Blocks of four images of the study put in disorder: as bright and as busy as they are, and of no meaning.
function mask() {
  const canvas = blank(), pen = canvas.getContext("2d");
  const side = Math.max(1, Math.round(Math.min(WIDTH, HEIGHT) / 8));
  const some = Array.from({ length: 4 }, () => stored.get(STUDY.pool[Math.floor(Math.random() * STUDY.pool.length)]));
  for (let y = 0; y < HEIGHT; y += side) {
    for (let x = 0; x < WIDTH; x += side) {
      const from = some[Math.floor(Math.random() * some.length)];
      const sx = Math.floor(Math.random() * (WIDTH - side + 1)), sy = Math.floor(Math.random() * (HEIGHT - side + 1));
      pen.drawImage(from, sx, sy, side, side, x, y, side, side);
    }
  }
  return canvas;
}

// Median time between frames, ms.
async function framePeriod() {
  const gaps = [];
  let last = await nextFrame();
  while (gaps.length < 31) {
    const now = await nextFrame();
    if (now > last) gaps.push(now - last);
    last = now;
  }
  return gaps.sort((a, b) => a - b)[15];
}

// Shows an image for a whole number of frames, then the mask. What the frames say of the time is returned.
async function flash(id, ms, period) {
  const picture = stored.get(id), cover = mask(), frames = Math.max(1, Math.round(ms / period));
  let hidden = document.hidden;
  const watch = () => { hidden = true; };
  document.addEventListener("visibilitychange", watch);
  put($("left"), cross());
  await wait(SETTINGS.fixation_ms);
  const first = await nextFrame();
  put($("left"), picture);
  let now = first;
  while (now - first < (frames - 0.5) * period) now = await nextFrame();
  put($("left"), cover);
  document.removeEventListener("visibilitychange", watch);
  return { asked_ms: ms, frames, shown_ms: now - first, interrupted: hidden };
}

let asking = null; // what the keys mean now: {keys, answer}
let waking = null; // ends the pause
let pauseWanted = false;

function choose(value) {
  if (!asking) return;
  const { answer } = asking;
  asking = null;
  $("choices").replaceChildren();
  answer(value);
}

// Asks one question; the answer and how long it took, without pauses, ms.
async function ask(question, choices) {
  let paused = 0;
  const start = performance.now();
  for (;;) {
    if (pauseWanted) paused += await pause();
    $("question").textContent = question;
    const value = await new Promise((answer) => {
      asking = { answer, keys: new Map(choices.flatMap((c) => c.keys.map((key) => [key, c.value]))) };
      $("choices").replaceChildren(...choices.map(choiceButton));
    });
    if (value !== PAUSE) return { answer: value, rt_ms: performance.now() - start - paused };
  }
}

const PAUSE = Symbol("pause");

function choiceButton({ label, keys, value }) {
  const button = document.createElement("button"), key = document.createElement("kbd");
  button.type = "button";
  key.textContent = keys[0].toUpperCase();
  button.append(`${label} `, key);
  button.addEventListener("click", () => choose(value));
  return button;
}

async function pause() {
  const start = performance.now();
  const before = ["trial", "foot"].filter((id) => !$(id).hidden);
  before.forEach((id) => { $(id).hidden = true; });
  $("paused").hidden = false;
  $("resume").focus();
  await new Promise((wake) => { waking = wake; });
  waking = null;
  pauseWanted = false;
  $("paused").hidden = true;
  before.forEach((id) => { $(id).hidden = false; });
  return performance.now() - start;
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "p" && !$("trial").hidden) {
    pauseWanted = true;
    choose(PAUSE);
  } else if (asking && asking.keys.has(key)) {
    event.preventDefault();
    choose(asking.keys.get(key));
  }
});
$("resume").addEventListener("click", () => waking && waking());
$("pause").addEventListener("click", () => { pauseWanted = true; choose(PAUSE); });
