// Ties the page together: address -> show -> state -> screen.

import './controls.js';
import { parseAddress } from './address.js';
import * as hlsPlayer from './hls-player.js';
import { introduce } from './media-session.js';
import * as nativePlayer from './native-player.js';
import { isHeld, nowPlaying } from './now-playing.js';
import { levelName, menu, slateOf } from './quality.js';
import { House } from './house.js';
import { draw, drawLatency, drawNow, drawQuality, drawViewers, frame, label } from './screen.js';
import { Show } from './show.js';
import { initial, next, view } from './state.js';
import { expose, frames } from './stats.js';
import { tableFor } from './text.js';

const LATENCY_EVERY_MS = 1_000;

const video = document.getElementById('video');
const words = tableFor(navigator.languages ?? [navigator.language]);
const address = parseAddress(location.href);
let state = initial;
let show = null;
let session = null;

function dispatch(event) {
  if (event.type === 'levels') return drawLevels();
  if (event.type === 'ranges') return lookForHold();
  const before = state;
  state = next(state, event);
  if (state === before) return;
  draw(view(state), words.text);
  if (state.phase === before.phase) return;
  if (state.phase === 'starting' || state.phase === 'over') session?.picture();
  if (state.phase !== 'playing') drawViewers(null, words.text);
}

function drawLevels() {
  const player = show?.player;
  if (player) drawQuality(menu(player.levels(), player.playing(), words.text), player.chosen());
}

function lookForHold() {
  const player = show?.player;
  if (!player) return;
  const value = isHeld(player.ranges(), player.playingDateMs());
  dispatch({ type: 'held', value });
  player.hold(value ? slateOf(player.levels()) : -1);
}

function playing() {
  const player = show?.player;
  return player ? nowPlaying(player.ranges(), player.playingDateMs()) : null;
}

function snapshot() {
  const player = show?.player;
  const levels = player?.levels() ?? [];
  return {
    stream: address?.stream ?? null,
    source: address?.source ?? null,
    state: state.phase,
    held: state.held,
    date: player?.playingDateMs() ?? null,
    latency: show?.latency ?? null,
    edgeLatency: player?.edgeLatency() ?? null,
    targetLatency: player?.target() ?? null,
    levels: levels.map((level) => levelName(level, words.text)),
    level: player?.playing() ?? -1,
    nowPlaying: playing(),
    ...show?.counts,
    ...frames(video),
  };
}

function engine() {
  if (hlsPlayer.isSupported()) return hlsPlayer.open;
  return nativePlayer.isSupported(video) ? nativePlayer.open : null;
}

function start() {
  label(address?.stream ?? '', words);
  frame(address?.embedded ?? false);
  draw(view(state), words.text);
  expose(snapshot);
  const open = engine();
  if (!address) return dispatch({ type: 'misaddressed' });
  if (!open) return dispatch({ type: 'unsupported' });
  const { source, autoplay, muted } = address;
  video.muted = muted;
  dispatch({ type: 'muted', value: muted });
  show = new Show({ video, source, autoplay, open, dispatch, state: () => state });
  session = introduce({ video, show, address, text: words.text });
  wire();
  return show.start();
}

function wire() {
  const on = (id, type, act) => document.getElementById(id).addEventListener(type, act);
  on('golive', 'click', () => show.goLive());
  on('play', 'click', () => show.play());
  on('unmute', 'click', () => {
    video.muted = false;
    if (video.volume === 0) video.volume = 1;
    document.getElementById('player').focus();
  });
  on('levels', 'change', (event) => show.player?.choose(Number(event.target.value)));
  new House({
    address,
    isOpen: () => ['playing', 'reconnecting'].includes(state.phase) && !document.hidden,
    viewers: (count) => drawViewers(count, words.text),
  }).start();
  setInterval(() => {
    lookForHold();
    drawLatency(show.latency, words.text);
    drawNow(playing());
    session.describe(playing());
  }, LATENCY_EVERY_MS);
}

start();
