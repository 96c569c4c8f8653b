// One show from the viewer's seat: looks for it, plays it, and never gives up on it.
// The decisions are pure and elsewhere (state, backoff, recovery); here are the timers and the player.

import { pollDelay, retryDelay } from './backoff.js';
import { isBehind, glassLatency } from './latency.js';
import { probe } from './probe.js';
import { afterFatal, afterStuck } from './recovery.js';

const TICK_MS = 500;

/**
 * Follows `source` in `video` by `engine` (`open` of a player). `dispatch` gets the events of
 * state.js and `levels`; `phase()` is the page's present phase.
 */
export function follow({ video, source, engine, dispatch, phase }) {
  let player = null;
  let timer = null;
  let failures = 0; // since the picture last moved
  let waits = 0; // polls since the show was last on
  let lastRecoverMs = null;
  let offsetMs = 0;
  let mayResume = false; // the player still holds a picture worth keeping
  let astray = false; // the viewer has left the live moment on purpose
  let stuck = { sinceMs: null, position: -1, done: null };
  const counts = { stalls: 0, stalledMs: 0, recoveries: 0, firstFrameMs: null, lastError: null };

  async function look() {
    const answer = await probe(source);
    if (answer.offsetMs !== null) offsetMs = answer.offsetMs;
    dispatch({ type: answer.result });
    if (answer.result === 'found') return begin();
    if (phase() !== 'reconnecting') close();
    return later();
  }

  function later() {
    const retrying = phase() === 'reconnecting';
    const wait = retrying ? retryDelay(failures++, Math.random()) : pollDelay(waits++, Math.random());
    clearTimeout(timer);
    timer = setTimeout(look, wait);
  }

  function begin() {
    waits = 0;
    stuck = { sinceMs: performance.now(), position: video.currentTime, done: null };
    if (player && mayResume) {
      player.resume();
    } else {
      close();
      player = engine(video, source, playerEvent);
    }
    mayResume = false;
    play();
  }

  function playerEvent(event) {
    if (event.type !== 'lost') return dispatch(event);
    counts.lastError = event.detail;
    const nowMs = performance.now();
    const action = afterFatal({ kind: event.kind, nowMs, lastRecoverMs, failures });
    counts.recoveries += 1;
    if (action === 'recover') {
      lastRecoverMs = nowMs;
      player.recover();
      return play();
    }
    return retry(action);
  }

  function retry(action) {
    dispatch({ type: 'lost' });
    mayResume = action === 'resume';
    stuck.sinceMs = null;
    later();
  }

  function close() {
    player?.close();
    player = null;
    mayResume = false;
  }

  async function play() {
    try {
      await video.play();
    } catch (error) {
      if (error.name === 'NotAllowedError') dispatch({ type: 'blocked' });
    }
  }

  function finish() {
    dispatch({ type: 'ended' });
    close();
    later();
  }

  function goLive() {
    astray = false;
    player?.goLive();
    play();
  }

  // Watches the picture itself, whatever the player believes.
  function tick() {
    if (!player) return;
    const nowMs = performance.now();
    if (video.currentTime !== stuck.position) return moved(nowMs);
    const shouldMove = stuck.sinceMs !== null && !video.paused && !video.ended && !document.hidden;
    if (!shouldMove) {
      if (stuck.sinceMs !== null) stuck.sinceMs = nowMs;
      return;
    }
    const action = afterStuck(nowMs - stuck.sinceMs, stuck.done);
    if (action === null) return;
    stuck.done = action;
    dispatch({ type: 'stuck' });
    if (action === 'jump') player.goLive();
    if (action === 'rebuild') retry('rebuild');
  }

  function moved(nowMs) {
    stuck = { sinceMs: nowMs, position: video.currentTime, done: null };
    if (video.paused || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    failures = 0;
    dispatch({ type: 'moving' });
    const behind = isBehind(player.edgeLatency(), player.target());
    // Left behind by a stall, not by choice: further than the player's own catching-up reaches.
    if (behind && !astray) player.goLive();
    dispatch({ type: 'behind', value: behind && astray });
  }

  function latency() {
    if (!player || phase() !== 'playing') return null;
    const playingDateMs = player.playingDateMs();
    return glassLatency({ nowMs: Date.now(), offsetMs, playingDateMs, edgeLatency: player.edgeLatency() });
  }

  listen();
  setInterval(tick, TICK_MS);
  look();

  function listen() {
    let waitingSinceMs = null;
    video.addEventListener('playing', () => {
      const nowMs = performance.now();
      if (waitingSinceMs !== null) counts.stalledMs += nowMs - waitingSinceMs;
      waitingSinceMs = null;
      counts.firstFrameMs ??= nowMs;
      moved(nowMs);
      dispatch({ type: 'paused', value: false });
    });
    video.addEventListener('waiting', () => {
      if (phase() !== 'playing' || video.seeking || waitingSinceMs !== null) return;
      counts.stalls += 1;
      waitingSinceMs = performance.now();
    });
    video.addEventListener('pause', () => {
      if (video.ended || phase() !== 'playing') return;
      astray = true;
      dispatch({ type: 'paused', value: true });
    });
    video.addEventListener('volumechange', () => dispatch({ type: 'muted', value: video.muted }));
    video.addEventListener('ended', finish);
  }

  return {
    goLive,
    play,
    latency,
    player: () => player,
    counts: () => ({ ...counts, offsetMs }),
  };
}
