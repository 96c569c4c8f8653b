// What is in the buffer when the viewer is steered to another distributor stays good there.
//
// hls.js 1.7.4 knows by segment what it has buffered, wherever it came from, but by part only what it loaded from the
// present distributor. Steered away between the end of a segment and the first part of the next, it may find the end of its
// buffer a fraction of a microsecond before the segment's, and waits for parts that it needs not, until they have left the
// playlist: three target durations. Here it is told that it has them. Any page with hls.js may use this file.

/** The sound of a segment may end so much after its pictures, seconds. */
const SLACK_S = 0.1;

/** Lets `hls`, which plays in `video`, go on from its buffer whenever it is steered away. */
export function stayBuffered(hls, video) {
  const { Events } = hls.constructor;
  let kept = null;
  const mark = (details) => {
    if (kept === null) return;
    const { buffered } = video;
    markBuffered(details, Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)]));
  };
  hls.on(Events.LEVELS_UPDATED, () => {
    kept = hls.loadLevel;
  });
  // Another quality is loaded, whatever is in the buffer.
  hls.on(Events.LEVEL_SWITCHING, (_, { level }) => {
    if (level !== kept) kept = null;
  });
  hls.on(Events.LEVEL_UPDATED, (_, { details }) => mark(details));
  hls.on(Events.AUDIO_TRACK_UPDATED, (_, { details }) => mark(details));
}

/** Marks as loaded the parts of whole segments that lie in `buffered`, `[[start, end], ...]`. `details` are hls.js's of a playlist. Pure. */
export function markBuffered(details, buffered) {
  for (const part of details.partList ?? []) {
    const { sn, start, end, type } = part.fragment;
    const there = buffered.some(([from, to]) => start >= from - SLACK_S && end <= to + SLACK_S);
    if (!part.loaded && sn <= details.endSN && there) {
      const times = { startPTS: part.start, endPTS: part.end, startDTS: part.start, endDTS: part.end };
      part.elementaryStreams[type === 'audio' ? 'audio' : 'video'] = times;
    }
  }
}
