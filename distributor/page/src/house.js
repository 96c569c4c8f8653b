// What the page asks besides the show itself, while it is watched: how many watch, and whether the show is held.
// Once in ten seconds at most, and not at the same moment as everybody else.

import { get, isHeld } from './probe.js';
import { sourceOf } from './quality.js';

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

  /**
   * `isOpen()`: whether to ask at all; `levels()`: the player's; `held` is told whether a slate is shown, and
   * `viewers` how many watch, or null.
   */
  constructor(given) {
    this.#given = given;
  }

  start() {
    setTimeout(() => this.#ask(), EVERY_MS / 5 + Math.random() * JITTER_MS);
  }

  async #ask() {
    const { address, isOpen, levels, held, viewers } = this.#given;
    if (isOpen()) {
      const count = await read(address.viewers);
      const source = sourceOf(levels());
      const playlist = source && (await read(source));
      if (isOpen()) {
        viewers(count && viewersIn(count));
        if (playlist) held(isHeld(playlist));
      }
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
