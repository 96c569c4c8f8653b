// Holds recorded playlists against npm's hls-parser in strict mode, a reader that knows nothing of ours.
//
//     node strict.mjs FOLDER
//
// Reads every *.m3u8 in FOLDER. Standard output is one JSON object: how many were read, how often each known false alarm
// went off, and what else was said; exit code 1 if there is any.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import HLS from 'hls-parser';

/** What it takes for faults that are none: how each is known, and the text without its cause, so that the rest is judged too. */
const FALSE_ALARMS = {
  // It asks 85 % of PART-TARGET of independent parts too; RFC 8216bis 4.4.4.9 does not.
  'short independent part': {
    says: /at least 85% of PART-TARGET/,
    mend: (text) => {
      const target = /PART-TARGET=([\d.]+)/.exec(text)?.[1];
      return text.replace(/^#EXT-X-PART:.*INDEPENDENT=YES.*$/gm, (line) => line.replace(/DURATION=[\d.]+/, `DURATION=${target}`));
    },
  },
  // It wants parts in the last three entries only; the draft counts three target durations (6.2.2).
  'parts beyond three entries': {
    says: /Remove EXT-X-PART tags/,
    mend: (text) => {
      const lines = text.split('\n');
      const uris = lines.flatMap((line, index) => (line && !line.startsWith('#') ? [index] : []));
      const keep = uris[uris.length - 3] ?? 0;
      return lines.filter((line, index) => index > keep || !line.startsWith('#EXT-X-PART:')).join('\n');
    },
  },
};

/** What the strict parser says of a text: null, or its complaint. */
export function complaint(text) {
  HLS.setOptions({ strictMode: true, silent: true });
  try {
    HLS.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}

/** Which false alarms a text sets off, and the first complaint that is none (or null). */
export function judge(text) {
  const falseAlarms = [];
  let message = complaint(text);
  for (const [name, { says, mend }] of Object.entries(FALSE_ALARMS).reverse()) {
    if (message !== null && says.test(message)) {
      falseAlarms.push(name);
      text = mend(text);
      message = complaint(text);
    }
  }
  return { falseAlarms, message };
}

async function main(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.m3u8')).sort();
  const report = { read: names.length, falseAlarms: {}, complaints: [] };
  for (const name of names) {
    const { falseAlarms, message } = judge(await readFile(join(folder, name), 'utf8'));
    for (const alarm of falseAlarms) report.falseAlarms[alarm] = (report.falseAlarms[alarm] ?? 0) + 1;
    if (message !== null) report.complaints.push({ name, message });
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
  if (names.length === 0 || report.complaints.length > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]);
