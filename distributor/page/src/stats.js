// `window.footlight`: what support and the tests may read. Read-only; a fresh snapshot each time.

/** Exposes `snapshot()` as `window.footlight.stats`. */
export function expose(snapshot) {
  const face = Object.freeze({
    get stats() {
      return Object.freeze(snapshot());
    },
  });
  Object.defineProperty(window, 'footlight', { value: face, writable: false, configurable: false });
}

/** Frames decoded and dropped so far. */
export function frames(video) {
  const quality = video.getVideoPlaybackQuality?.();
  return { totalFrames: quality?.totalVideoFrames ?? 0, droppedFrames: quality?.droppedVideoFrames ?? 0 };
}
