// One show from the viewer's seat: looks for it, plays it, and never gives up on it.
// The decisions are pure and elsewhere (state, backoff, recovery); here are the timers and the player.

import { fullDelay, pollDelay, retryDelay } from './backoff.js';
import { glassLatency, isBehind } from './latency.js';
import { probe } from './probe.js';
import { afterFatal, afterStuck } from './recovery.js';
import { isUrgent } from './state.js';

const TICK_MS = 500;

export class Show {
  #video;
  #source;
  #open;
  #dispatch;
  #state;
  #player = null;
  #timer = null;
  #wanted; // the viewer asked for it, or needs not
  #polls = 0; // since the show was last on
  #failures = 0; // since the picture last moved
  #lastRecoverMs = null;
  #mayResume = false; // the player still holds a picture worth keeping
  #astray = false; // the viewer has left the live moment on purpose
  #still = { position: -1, sinceMs: null, done: null };
  #waitingSinceMs = null;
  #counts = { stalls: 0, stalledMs: 0, recoveries: 0, firstFrameMs: null, lastError: null, offsetMs: 0 };

  /**
   * Plays `source` in `video` by the players that `open` makes; not before `play()` is called, unless
   * `autoplay`. `dispatch` gets the events of state.js, and `levels`; `state()` is the page's present state.
   */
  constructor({ video, source, autoplay, open, dispatch, state }) {
    this.#wanted = autoplay;
    this.#video = video;
    this.#source = source;
    this.#open = open;
    this.#dispatch = dispatch;
    this.#state = state;
  }

  start() {
    this.#listen();
    setInterval(() => this.#tick(), TICK_MS);
    this.#look();
  }

  /** The present player, or null while there is nothing to play. */
  get player() {
    return this.#player;
  }

  get counts() {
    return { ...this.#counts };
  }

  /** Seconds from the stage to this screen, or null. */
  get latency() {
    if (!this.#player || this.#state().phase !== 'playing') return null;
    return glassLatency({
      nowMs: Date.now(),
      offsetMs: this.#counts.offsetMs,
      playingDateMs: this.#player.playingDateMs(),
      edgeLatency: this.#player.edgeLatency(),
    });
  }

  goLive() {
    this.#astray = false;
    this.#player?.goLive();
    this.play();
  }

  async play() {
    if (!this.#wanted) {
      this.#wanted = true;
      return this.#look();
    }
    try {
      await this.#video.play();
    } catch (error) {
      if (error.name === 'NotAllowedError') this.#dispatch({ type: 'blocked' });
    }
  }

  async #look() {
    const { result, offsetMs, seconds } = await probe(this.#source);
    if (offsetMs !== null) this.#counts.offsetMs = offsetMs;
    if (result === 'full') return this.#comeBack(fullDelay(seconds, Math.random()));
    this.#dispatch({ type: result });
    if (result === 'found') return this.#begin();
    if (this.#state().phase !== 'reconnecting') this.#close();
    return this.#lookLater();
  }

  #lookLater() {
    const urgent = isUrgent(this.#state());
    const wait = urgent ? retryDelay(this.#failures, Math.random()) : pollDelay(this.#polls, Math.random());
    if (urgent) this.#failures += 1;
    else this.#polls += 1;
    this.#lookIn(wait);
  }

  #comeBack(wait) {
    this.#dispatch({ type: 'full', seconds: Math.round(wait / 1000) });
    this.#close();
    this.#lookIn(wait);
  }

  #lookIn(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), wait);
  }

  #begin() {
    this.#polls = 0;
    if (!this.#wanted) return this.#dispatch({ type: 'blocked' });
    this.#still = { position: this.#video.currentTime, sinceMs: performance.now(), done: null };
    if (this.#player && this.#mayResume) {
      this.#player.resume();
    } else {
      this.#close();
      this.#player = this.#open(this.#video, this.#source, (event) => this.#hear(event));
    }
    this.#mayResume = false;
    this.play();
  }

  #hear(event) {
    if (event.type === 'ended') return this.#end();
    if (event.type !== 'lost') return this.#dispatch(event);
    const nowMs = performance.now();
    const action = afterFatal({ kind: event.kind, nowMs, lastRecoverMs: this.#lastRecoverMs, failures: this.#failures });
    this.#counts.lastError = event.detail;
    this.#counts.recoveries += 1;
    if (action !== 'recover') return this.#retry(action);
    this.#lastRecoverMs = nowMs;
    this.#player.recover();
    return this.play();
  }

  #retry(action) {
    this.#dispatch({ type: 'lost' });
    this.#mayResume = action === 'resume';
    this.#still.sinceMs = null;
    this.#lookLater();
  }

  #end() {
    this.#dispatch({ type: 'ended' });
    this.#close();
    this.#lookLater();
  }

  #close() {
    this.#player?.close();
    this.#player = null;
    this.#mayResume = false;
  }

  // Watches the picture itself, whatever the player believes.
  #tick() {
    if (!this.#player) return;
    const nowMs = performance.now();
    if (this.#video.currentTime !== this.#still.position) return this.#moved(nowMs);
    if (this.#still.sinceMs === null) return; // a retry is under way
    if (this.#video.paused || this.#video.ended || document.hidden) {
      this.#still.sinceMs = nowMs;
      return;
    }
    const action = afterStuck(nowMs - this.#still.sinceMs, this.#player.left(), this.#still.done);
    if (action === null) return;
    if (action === 'end') return this.#end();
    this.#dispatch({ type: 'stuck' });
    // Nowhere to jump to yet: tried again at the next tick.
    if (action !== 'jump' || this.#player.goLive()) this.#still.done = action;
    if (action === 'rebuild') this.#retry('rebuild');
  }

  #moved(nowMs) {
    this.#still = { position: this.#video.currentTime, sinceMs: nowMs, done: null };
    if (this.#video.paused || this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.#failures = 0;
    this.#dispatch({ type: 'moving' });
    const behind = isBehind(this.#player.edgeLatency(), this.#player.target());
    // Left behind by a stall, not by choice, and further than the player's own catching-up reaches.
    if (behind && !this.#astray) this.#player.goLive();
    if (!behind) this.#astray = false;
    this.#dispatch({ type: 'behind', value: behind && this.#astray });
  }

  #listen() {
    const on = (type, act) => this.#video.addEventListener(type, act);
    on('playing', () => this.#playing());
    on('waiting', () => {
      if (this.#state().phase === 'playing' && !this.#video.seeking) this.#waiting();
    });
    on('pause', () => {
      if (this.#video.ended || this.#state().phase !== 'playing') return;
      this.#astray = true;
      this.#dispatch({ type: 'paused', value: true });
    });
    on('volumechange', () => this.#dispatch({ type: 'muted', value: this.#video.muted }));
    on('ended', () => this.#end());
  }

  #playing() {
    const nowMs = performance.now();
    if (this.#waitingSinceMs !== null) this.#counts.stalledMs += nowMs - this.#waitingSinceMs;
    this.#waitingSinceMs = null;
    this.#counts.firstFrameMs ??= nowMs;
    this.#dispatch({ type: 'paused', value: false });
    if (this.#player) this.#moved(nowMs);
  }

  #waiting() {
    if (this.#waitingSinceMs !== null) return;
    this.#counts.stalls += 1;
    this.#waitingSinceMs = performance.now();
  }
}
