// A page with nothing but a player library, from an origin of its own, and how Chromium is started for it.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { listening } from './serve.mjs';

export const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--autoplay-policy=no-user-gesture-required', '--ignore-certificate-errors'];
export const LIBRARIES = { 'hls.js': 'hls.js/dist/hls.min.js', shaka: 'shaka-player/dist/shaka-player.compiled.js' };

// The two below run in the page. Each forces the next level; what is in the buffer is played to its end, so that every
// picture of both levels is seen.
function nextLevelOfHls(hls) {
  hls.loadLevel = (hls.loadLevel + 1) % hls.levels.length;
}

function nextLevelOfShaka(player) {
  player.configure({ abr: { enabled: false } });
  const all = player.getVariantTracks().filter((track) => track.height).sort((a, b) => a.height - b.height);
  const active = all.findIndex((track) => track.active);
  player.selectVariantTrack(all[(active + 1) % all.length], false);
}

/** Serves the page at `/` and each library under its name. Resolves to `{ origin, close }`. */
export async function serveLibraries({ certificate, key }) {
  const files = {
    '/': `<!doctype html><meta charset="utf-8"><title>player</title><link rel="icon" href="data:,"><video id="video" muted playsinline></video>
      <script>${nextLevelOfHls} ${nextLevelOfShaka}</script>`,
  };
  for (const [name, path] of Object.entries(LIBRARIES)) {
    files[`/${name}`] = await readFile(new URL(`node_modules/${path}`, import.meta.url), 'utf8');
  }
  const server = createServer({ cert: await readFile(certificate), key: await readFile(key) }, (request, response) => {
    const body = files[request.url];
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': request.url === '/' ? 'text/html' : 'text/javascript' });
    response.end(body ?? '');
  });
  return listening(server);
}
