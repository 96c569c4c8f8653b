// Draws the state: the only file that knows the page's elements.

import { titleLine } from './now-playing.js';
import { fill } from './text.js';

const element = (id) => document.getElementById(id);

/** Puts the fixed words in place. */
export function label(name, { language, text }) {
  document.documentElement.lang = language;
  document.title = name ? `${name} · ${text.titleSuffix}` : text.misaddressed[0];
  element('player').setAttribute('lang', language);
  element('name').textContent = name;
  element('play').textContent = text.play;
  element('unmute-text').textContent = text.unmute;
  element('quality-label').textContent = text.quality;
  element('latency').title = text.latencyHint;
}

/** In a frame of another page the name is said by that page. */
export function frame(embedded) {
  document.body.classList.toggle('embedded', embedded);
}

/** Shows `view` (of state.js). */
export function draw(view, text) {
  const [title, detail] = text[view.message];
  document.body.dataset.phase = view.phase;
  say('title', title);
  say('detail', fill(detail, view));
  element('status').classList.toggle('note', view.note);
  if (view.phase === 'full') drawWait(view.seconds);
  element('status').classList.toggle('spoken', !view.painted);
  element('status').classList.toggle('quiet', view.loading);
  element('bar').hidden = !view.controls;
  element('top').toggleAttribute('noautohide', !view.controls);
  element('play').hidden = !view.play;
  element('unmute').hidden = !view.unmute;
  drawLive(view, text);
}

// A new element begins its animation anew.
function drawWait(seconds) {
  const bar = element('wait').cloneNode();
  bar.style.animationDuration = `${seconds}s`;
  element('wait').replaceWith(bar);
}

function drawLive(view, text) {
  const button = element('golive');
  say('golive-text', view.goLive ? text.badgeGoLive : text.badgeLive);
  button.title = text.goLiveHint;
  button.hidden = !view.badge;
  button.classList.toggle('on', view.live);
}

/** Shows how many watch; nothing for null, nor for one alone. */
export function drawViewers(count, text) {
  element('viewers').hidden = !(count > 1);
  if (count > 1) say('viewers-text', fill(text.watching, { count: count.toLocaleString(document.documentElement.lang) }));
}

/** Shows the latency in seconds, or nothing for null. */
export function drawLatency(seconds, text) {
  say('latency', seconds === null ? '' : fill(text.seconds, { seconds: seconds.toFixed(1) }));
}

/** Shows what is playing, here and where the system shows it; nothing for null. */
export function drawNow(now) {
  const line = titleLine(now);
  if (element('now').textContent === line) return;
  say('now', line);
}

/** Shows the quality menu; nothing to choose from, no menu. */
export function drawQuality(entries, chosen) {
  element('quality').hidden = entries.length < 3;
  const select = element('levels');
  const same = select.options.length === entries.length;
  if (!same) select.replaceChildren(...entries.map(() => document.createElement('option')));
  entries.forEach(({ value, label: words }, index) => {
    const option = select.options[index];
    option.value = value;
    if (option.textContent !== words) option.textContent = words;
  });
  select.value = String(chosen);
}

// A screen reader speaks a live region when it is written to: write only what is new.
function say(id, words) {
  if (element(id).textContent !== words) element(id).textContent = words;
}
