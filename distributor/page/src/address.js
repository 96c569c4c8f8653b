// What the page's own address asks for. Pure.
//
//   /watch/{stream}                              the stream on this host
//   /embed/{stream}                              the same, for a frame of another page: the picture and its controls alone
//   ...?origin=https://host[:port]               the same stream from another distributor
//   ...?autoplay=0                               nothing is fetched before the viewer asks for it
//   ...?muted=0                                  begins with sound, where the browser lets it
//
// Only the scheme, host and port of `origin` are used, and the Content-Security-Policy the page
// is served with decides which hosts it may reach at all: a link alone cannot add one.

const PAGE = /^\/(watch|embed)\/([a-z0-9][a-z0-9_-]{0,63})\/?$/;

/** `{ stream, source, embedded, autoplay, muted, ... }` for the page's URL, or null if it names no stream or no usable origin. */
export function parseAddress(href) {
  const page = new URL(href);
  const path = PAGE.exec(page.pathname);
  if (!path) return null;
  const origin = chosenOrigin(page);
  if (!origin) return null;
  const [, kind, stream] = path;
  const below = `${origin}/live/${stream}`;
  return {
    stream,
    source: `${below}/index.m3u8`,
    poster: `${below}/poster.jpg`,
    viewers: `${below}/viewers.json`,
    embedded: kind === 'embed',
    autoplay: page.searchParams.get('autoplay') !== '0',
    muted: page.searchParams.get('muted') !== '0',
  };
}

function chosenOrigin(page) {
  const asked = page.searchParams.get('origin');
  if (asked === null) return page.origin;
  try {
    const url = new URL(asked);
    return url.protocol === 'https:' ? url.origin : null;
  } catch {
    return null;
  }
}
