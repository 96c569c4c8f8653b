// Serves the built watch page over https from an origin of its own, as an embedding site would:
// the media then comes from another origin, and CORS and the policy are put to the test.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';

/**
 * Starts it on a free port of 127.0.0.1. `dist` is the page's dist/ (a URL ending in a slash),
 * `media` the origin the policy shall allow. Resolves to `{ origin, close }`.
 */
export async function servePage({ dist, media, certificate, key }) {
  const manifest = JSON.parse(await readFile(new URL('manifest.json', dist), 'utf8'));
  const policy = manifest.policy.replace(/(connect-src|media-src|img-src) 'self'/g, `$& ${media}`);
  const server = createServer({ cert: await readFile(certificate), key: await readFile(key) }, async (request, response) => {
    const { pathname } = new URL(request.url, 'https://page');
    const name = /^\/(watch|embed)\//.test(pathname) ? manifest.page : pathname.replace(manifest.assets, '');
    const file = manifest.files[name];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': file.type,
      'Content-Encoding': 'br',
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
    });
    return response.end(await readFile(new URL(`${name}.br`, dist)));
  });
  return listening(server);
}

/** Listens on a free port of the loopback: `{ origin, close }`. */
export async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `https://localhost:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
