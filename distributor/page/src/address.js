// What the page's own address asks for. Pure.
//
//   /watch/{stream}                              the stream on this host
//   /watch/{stream}?origin=https://host[:port]   the same stream from another distributor
//
// Only the scheme, host and port of `origin` are used, and the Content-Security-Policy the page
// is served with decides which hosts it may reach at all: a link alone cannot add one.

const PAGE = /^\/watch\/([a-z0-9][a-z0-9_-]{0,63})\/?$/;

/** `{ stream, source }` for the page's URL, or null if it names no stream or no usable origin. */
export function parseAddress(href) {
  const page = new URL(href);
  const name = PAGE.exec(page.pathname);
  if (!name) return null;
  const origin = chosenOrigin(page);
  if (!origin) return null;
  return { stream: name[1], source: `${origin}/live/${name[1]}/index.m3u8` };
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
