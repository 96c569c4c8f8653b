// What is asked of the page beside playing: each returns plain data for the report.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** What a person must be able to reach with the Tab key alone. */
const CONTROLS = ['media-play-button', 'media-mute-button', 'golive', 'levels', 'media-fullscreen-button'];
const MOST_TABS = 40;
const QUALITY_TIMEOUT_MS = 15_000;

/** Violations axe finds in the page as it is now, by impact: `[{ id, impact, nodes }]`. */
export async function audit(page) {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  const { violations } = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
  return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((node) => node.target.join(' ')) }));
}

/** The controls the Tab key does not reach (none, if all is well). */
export async function unreachable(page) {
  await page.evaluate('document.activeElement?.blur()');
  const reached = new Set();
  for (let tab = 0; tab < MOST_TABS; tab += 1) {
    await page.keyboard.press('Tab');
    const name = await page.evaluate('document.activeElement ? document.activeElement.id || document.activeElement.localName : ""');
    reached.add(name);
  }
  return CONTROLS.filter((control) => !reached.has(control));
}

/** Chooses every entry of the quality menu in turn: `[{ label, played }]`, then Auto again. */
export async function tryQualities(page) {
  const entries = await page.$$eval('#levels option', (options) => options.map(({ value, textContent }) => ({ value, label: textContent })));
  const results = [];
  for (const { value, label } of entries.filter((entry) => entry.value !== '-1')) {
    await page.selectOption('#levels', value);
    const played = await page
      .waitForFunction((level) => window.footlight.stats.level === Number(level), value, { timeout: QUALITY_TIMEOUT_MS })
      .then(() => true, () => false);
    results.push({ label, played });
  }
  if (entries.length) await page.selectOption('#levels', '-1');
  return results;
}

/** Turns the sound on with the button a viewer sees: whether it did, and whether the button went. */
export async function turnSoundOn(page) {
  await page.click('#unmute');
  return page.evaluate(() => !document.getElementById('video').muted && document.getElementById('unmute').hidden);
}

/** Notes what must not happen: errors on the console, requests to anyone else. */
export function witness(page, allowed) {
  const errors = [];
  const strangers = new Set();
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // The browser reports an answer of 404 as an error of the page; before the show it is the answer.
    const awaited = message.text().startsWith('Failed to load resource') && message.text().includes('404');
    if (message.type() === 'error' && !awaited) errors.push(`${message.text()} ${message.location().url}`);
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (/^https?:$/.test(protocol) && !allowed.includes(origin)) strangers.add(request.url());
  });
  return { errors, strangers };
}
