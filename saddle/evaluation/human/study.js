// What a rater is shown, worked out from the study and the rater's code alone: after a reload it is the same again.

const STUDY = JSON.parse(document.getElementById("study").textContent);
const SETTINGS = STUDY.settings;

// FNV-1a, 32 bits, of the text's UTF-8 bytes.
function fnv1a(text) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

// Uniform numbers in [0, 1) by Marsaglia's shifts 13, 17, 5. The first are dropped: near seeds start alike.
function randomFrom(text) {
  let state = fnv1a(text) || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

function shuffled(items, random) {
  const order = items.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// An image's source is found by trying each, so that none stands in the page's text.
function sourceOf(id) {
  return STUDY.sources.findIndex((_, source) => fnv1a(`${source}/${STUDY.study}/${id}`) === STUDY.images[id].mark);
}

const isReal = (id) => STUDY.sources[sourceOf(id)].kind === "real";

// Real and generated images in turn from this rater's own order; each model has its turn, and all are seen before
// any is seen again.
function dealer(random) {
  const queues = STUDY.sources.map(() => []);
  for (const id of shuffled(STUDY.pool, random)) queues[sourceOf(id)].push(id);
  const models = shuffled(STUDY.sources.map((_, k) => k).filter((k) => STUDY.sources[k].kind === "fake"), random);
  let turn = 0;
  return (real) => {
    const queue = queues[real ? 0 : models[turn++ % models.length]];
    queue.push(queue.shift());
    return queue[queue.length - 1];
  };
}

function planFor(rater) {
  const random = randomFrom(`${STUDY.study}/${rater}`);
  const deal = dealer(random);
  const sides = (pair) => (random() < 0.5 ? [pair[0], pair[1]] : [pair[1], pair[0]]);
  const longest = Math.max(...SETTINGS.exposures);
  const glances = [];
  SETTINGS.exposures.forEach((ms, row) => {
    for (let k = 0; k < SETTINGS.per_exposure; k++) glances.push({ image: deal((row + k) % 2 === 0), ms });
  });
  for (const id of STUDY.catches) glances.push({ image: id, ms: longest });
  const steps = Array.from({ length: SETTINGS.staircase }, (_, k) => k % 2 === 0);
  const rated = STUDY.ratings.map((image) => ({ image }));
  for (let k = 0; rated.length && k < SETTINGS.catches; k++) rated.push({ press: 1 + Math.floor(random() * 5) });
  return {
    realFirst: random() < 0.5, // which hand says "real" differs from rater to rater
    glance: shuffled(glances, random),
    staircase: shuffled(steps, random).map((real) => ({ image: deal(real) })),
    pairs: shuffled(STUDY.pairs, random).map(sides),
    ratings: shuffled(rated, random),
    practicePairs: STUDY.practice_pairs.map(sides),
    practice: shuffled(STUDY.practice, random),
  };
}

// Three right: one level shorter. One wrong: one level longer. (Levitt's transformed up-down rule.)
function staircaseMs(rights) {
  const low = Math.min(...SETTINGS.exposures), high = Math.max(...SETTINGS.exposures);
  let ms = SETTINGS.staircase_start, run = 0;
  for (const right of rights) {
    run = right ? run + 1 : 0;
    if (!right) ms = Math.min(high, ms * SETTINGS.staircase_step);
    if (run === 3) {
      ms = Math.max(low, ms / SETTINGS.staircase_step);
      run = 0;
    }
  }
  return ms;
}
