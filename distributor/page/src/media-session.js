// What the phone's lock screen, a headset and the browser's own controls know of the show; and its poster.

/**
 * Introduces the show to them. `picture()` looks whether there is a poster, and shows it while there is no other picture;
 * `describe(now)` says what is playing, or null.
 */
export function introduce({ video, show, address, text }) {
  const session = navigator.mediaSession;
  let artwork = [];
  let said = null;
  const describe = (now) => {
    const words = { title: now?.title || address.stream, artist: now?.artist || text.badgeLive };
    const all = JSON.stringify([words, artwork]);
    if (!session || all === said) return;
    said = all;
    session.metadata = new MediaMetadata({ ...words, artwork });
  };
  describe(null);
  handle(session, 'play', () => show.goLive());
  handle(session, 'pause', () => video.pause());
  video.addEventListener('playing', () => session?.setPositionState?.({ duration: Infinity, position: 0, playbackRate: 1 }));
  return {
    describe,
    picture: () => {
      const image = new Image();
      image.onload = () => {
        // A picture that does not come is not shown broken: it is not shown.
        video.poster = image.src;
        artwork = [{ src: image.src, sizes: `${image.naturalWidth}x${image.naturalHeight}`, type: 'image/jpeg' }];
      };
      image.src = address.poster;
    },
  };
}

function handle(session, action, act) {
  try {
    session?.setActionHandler(action, act);
  } catch {
    // A browser that does not know the action.
  }
}
