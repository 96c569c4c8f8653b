// Builds dist/: one page, one script, one stylesheet, each with .br and .gz beside it, and
// manifest.json, which tells the distributor what to serve how. Fails above the weight limit.

import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

/** What a viewer's first visit may cost on the wire, in either encoding. */
const LIMIT_BYTES = 250 * 1024;
const BUNDLED = ['hls.js', 'media-chrome'];
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', txt: 'text/plain; charset=utf-8' };

/** Media and poster come from the page's own host; the distributor adds who may show the page in a frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  // hls.js keeps what is told beside the media in an empty text track of its own, data:,WEBVTT.
  "media-src 'self' blob: data:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const here = (path) => new URL(path, import.meta.url);

async function bundle(entry) {
  const result = await esbuild.build({
    entryPoints: [here(entry).pathname],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['chrome100', 'firefox100', 'safari15'],
    legalComments: 'none',
    logLevel: 'warning',
  });
  return result.outputFiles[0].contents;
}

async function licences() {
  const texts = await Promise.all(BUNDLED.map(async (name) => {
    const { version, license } = JSON.parse(await readFile(here(`node_modules/${name}/package.json`)));
    return `${name} ${version} (${license})\n\n${await readFile(here(`node_modules/${name}/LICENSE`), 'utf8')}`;
  }));
  return Buffer.from(texts.join(`\n\n${'-'.repeat(72)}\n\n`));
}

const files = {};

async function put(name, bytes) {
  const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  const gz = gzipSync(bytes, { level: 9 });
  await Promise.all([writeFile(here(`dist/${name}`), bytes), writeFile(here(`dist/${name}.br`), br), writeFile(here(`dist/${name}.gz`), gz)]);
  files[name] = { type: TYPES[name.split('.').pop()], bytes: bytes.length, br: br.length, gz: gz.length };
}

/** Stores `bytes` under a name that changes with them, and returns the address it is served at. */
async function putHashed(stem, extension, bytes) {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const name = `${stem}-${hash}.${extension}`;
  await put(name, bytes);
  return `/assets/${name}`;
}

function checkWeight() {
  for (const encoding of ['br', 'gz']) {
    const total = Object.entries(files).filter(([name]) => !name.endsWith('.txt')).reduce((sum, [, file]) => sum + file[encoding], 0);
    const line = `watch page: ${(total / 1024).toFixed(1)} KiB ${encoding}, limit ${LIMIT_BYTES / 1024} KiB`;
    if (total > LIMIT_BYTES) throw new Error(`${line}: too heavy`);
    process.stdout.write(`${line}\n`);
  }
}

await rm(here('dist'), { recursive: true, force: true });
await mkdir(here('dist'));
const notice = await putHashed('licences', 'txt', await licences());
const code = Buffer.concat([Buffer.from(`/* Third-party licences: ${notice} */\n`), await bundle('src/main.js')]);
const script = await putHashed('watch', 'js', code);
const style = await putHashed('watch', 'css', await bundle('src/style.css'));
const template = await readFile(here('src/index.html'), 'utf8');
const page = template.replace('{{script}}', script).replace('{{style}}', style).replace(/\n\s+/g, '\n');
await put('index.html', Buffer.from(page));
await writeFile(here('dist/manifest.json'), `${JSON.stringify({ page: 'index.html', assets: '/assets/', policy: POLICY, files }, null, 2)}\n`);
checkWeight();
