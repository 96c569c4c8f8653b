// What the page asks besides the show itself, while it is watched: how many watch. Once in ten seconds at most, and not
// at the same moment as everybody else.

import { get } from './probe.js';

const EVERY_MS = 10_000;
const JITTER_MS = 5_000;

/** The number in a viewers.json, or null. Pure. */
export function viewersIn(body) {
  try {
    const { viewers } = JSON.parse(body);
    return Number.isSafeInteger(viewers) && viewers >= 0 ? viewers : null;
  } catch {
    return null;
  }
}

export class House {
  #given;

  /** `isOpen()`: whether to ask at all; `viewers` is told how many watch, or null. */
  constructor(given) {
    this.#given = given;
  }

  start() {
    setTimeout(() => this.#ask(), EVERY_MS / 5 + Math.random() * JITTER_MS);
  }

  async #ask() {
    const { address, isOpen, viewers } = this.#given;
    if (isOpen()) {
      const count = await read(address.viewers);
      if (isOpen()) viewers(count && viewersIn(count));
    }
    setTimeout(() => this.#ask(), EVERY_MS + Math.random() * JITTER_MS);
  }
}

// An answer is worth having and not worth an error.
async function read(url) {
  try {
    const { ok, body } = await get(url);
    return ok ? body : null;
  } catch {
    return null;
  }
}
