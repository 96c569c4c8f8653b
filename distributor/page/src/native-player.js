// Plays by the browser's own HLS, where there are no Media Source Extensions (older iPhones).
// Same shape as hls-player.js; there is no choice of quality, the system makes it.

/** How far from the end of the playlist such browsers keep: three target durations. */
const TARGET_S = 9;

export function isSupported(video) {
  return video.canPlayType('application/vnd.apple.mpegurl') !== '';
}

/** Starts playing `source` in `video`. `emit` gets `lost` with a kind. */
export function open(video, source, emit) {
  const failed = () => emit({ type: 'lost', kind: 'other', detail: `media error ${video.error?.code ?? ''}` });
  const edge = () => (video.seekable.length ? video.seekable.end(video.seekable.length - 1) : null);
  video.addEventListener('error', failed);
  video.src = source;
  return {
    resume: () => video.load(),
    recover: () => video.load(),
    close: () => {
      video.removeEventListener('error', failed);
      video.removeAttribute('src');
      video.load();
    },
    goLive: () => {
      const ahead = edge() > video.currentTime;
      if (ahead) video.currentTime = edge();
      return ahead;
    },
    left: () => (Number.isFinite(video.duration) ? video.duration - video.currentTime : Infinity),
    levels: () => [],
    playing: () => -1,
    chosen: () => -1,
    hold: () => {},
    choose: () => {},
    edgeLatency: () => (edge() === null ? 0 : Math.max(0, edge() - video.currentTime)),
    target: () => TARGET_S,
    ranges: () => [],
    playingDateMs: () => {
      const start = video.getStartDate?.().getTime();
      return Number.isFinite(start) ? start + video.currentTime * 1000 : null;
    },
  };
}
