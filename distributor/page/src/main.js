// Ties the page together: address -> show -> state -> screen.

import './controls.js';
import { parseAddress } from './address.js';
import * as hlsPlayer from './hls-player.js';
import * as nativePlayer from './native-player.js';
import { nowPlaying } from './now-playing.js';
import { levelName, menu } from './quality.js';
import { draw, drawLatency, drawNow, drawQuality, label } from './screen.js';
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

function dispatch(event) {
  if (event.type === 'levels') return drawLevels();
  const before = state;
  state = next(state, event);
  if (state !== before) draw(view(state), words.text);
}

function drawLevels() {
  const player = show?.player;
  if (player) drawQuality(menu(player.levels(), player.playing(), words.text), player.chosen());
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
  draw(view(state), words.text);
  expose(snapshot);
  const open = engine();
  if (!address) return dispatch({ type: 'misaddressed' });
  if (!open) return dispatch({ type: 'unsupported' });
  show = new Show({ video, source: address.source, open, dispatch, state: () => state });
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
  setInterval(() => {
    drawLatency(show.latency, words.text);
    drawNow(playing());
  }, LATENCY_EVERY_MS);
}

start();
