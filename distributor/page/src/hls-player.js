// Plays by hls.js, in browsers with Media Source Extensions (ManagedMediaSource on iOS included).
// Same shape as native-player.js; policy is elsewhere.

import Hls from 'hls.js';
import { stayBuffered } from './pathway.js';

const CONFIG = {
  lowLatencyMode: true,
  // A twentieth faster is not heard, and takes back a second in twenty.
  maxLiveSyncPlaybackRate: 1.05,
  // Each stall moves the target back by this much, for good: a whole second would be lost for one held show.
  liveSyncOnStallIncrease: 0.5,
  backBufferLength: 30,
  maxBufferLength: 20,
  // Parts are passed through, not remuxed: a worker would save nothing and need blob: in the CSP.
  enableWorker: false,
  // A phone does not fetch a picture larger than it shows; the menu still offers it.
  capLevelToPlayerSize: true,
  // Most viewers can take the source; those who cannot are moved down within a segment or two.
  abrEwmaDefaultEstimate: 4_000_000,
};

export function isSupported() {
  return Hls.isSupported();
}

/** Starts playing `source` in `video`. `emit` gets `lost` with a kind, `levels`, `ranges`, and `ended`. */
export function open(video, source, emit) {
  const hls = new Hls(CONFIG);
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (data.fatal) emit({ type: 'lost', kind: kindOf(data.type), detail: data.details });
  });
  for (const event of [Hls.Events.MANIFEST_PARSED, Hls.Events.LEVELS_UPDATED, Hls.Events.LEVEL_SWITCHED]) {
    hls.on(event, () => emit({ type: 'levels' }));
  }
  // The browser may not say so, or the last of the sound may be a moment shorter than the picture.
  hls.on(Hls.Events.MEDIA_ENDED, () => emit({ type: 'ended' }));
  stayBuffered(hls, video);
  let ranges = [];
  let holding = false;
  hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => {
    ranges = Object.values(details.dateRanges).map(rangeOf);
    emit({ type: 'ranges' });
  });
  hls.loadSource(source);
  hls.attachMedia(video);
  return {
    resume: () => hls.startLoad(-1),
    recover: () => hls.recoverMediaError(),
    close: () => hls.destroy(),
    // Whether it went: forward only, for when nothing new comes, the live moment may lie behind what was shown.
    goLive: () => {
      const ahead = hls.liveSyncPosition > video.currentTime;
      if (ahead) video.currentTime = hls.liveSyncPosition;
      return ahead;
    },
    // Seconds that are left of a show that is over; Infinity while it goes on.
    left: () => (hls.latestLevelDetails?.live === false ? hls.latestLevelDetails.edge - video.currentTime : Infinity),
    levels: () => hls.levels.map(({ uri, height, bitrate }) => ({ url: uri, height, bitrate })),
    playing: () => hls.currentLevel,
    chosen: () => (hls.autoLevelEnabled || holding ? -1 : hls.loadLevel),
    // At the next part, without throwing away what is buffered: the picture does not freeze.
    choose: (index) => {
      holding = false;
      hls.loadLevel = index;
    },
    // The level to stay with in a hold, or -1. `source` has nothing but gaps then, of which hls.js sees none as long as the last
    // parts are listed: it waits for more of them.
    hold: (index) => {
      const held = index >= 0;
      if (held === holding || (held && !hls.autoLevelEnabled)) return;
      holding = held;
      hls.loadLevel = index;
    },
    edgeLatency: () => hls.latency,
    target: () => hls.targetLatency,
    playingDateMs: () => hls.playingDate?.getTime() ?? null,
    ranges: () => ranges,
  };
}

function rangeOf(range) {
  return {
    class: range.class,
    startMs: range.startDate.getTime(),
    endMs: range.endDate?.getTime() ?? null,
    title: range.attr['X-TITLE'] ?? '',
    artist: range.attr['X-ARTIST'] ?? '',
  };
}

function kindOf(type) {
  if (type === Hls.ErrorTypes.NETWORK_ERROR) return 'network';
  return type === Hls.ErrorTypes.MEDIA_ERROR ? 'media' : 'other';
}
