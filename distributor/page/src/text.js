// Every word the page says, in one table per language.
// A translation is another table with the same keys; the tests hold them equal.

export const tables = {
  en: {
    connecting: ['Connecting', ''],
    before: ['The show starts soon', 'Stay on this page: it begins by itself.'],
    full: ['The house is full', 'Trying again in about {seconds} seconds. Stay on this page.'],
    unreached: ['The show cannot be reached', 'Trying again.'],
    starting: ['Starting', ''],
    live: ['Playing live', ''],
    behind: ['Playing behind live', ''],
    paused: ['Paused', ''],
    reconnecting: ['Reconnecting', 'The picture stopped arriving. Trying again.'],
    held: ['A short pause', 'The show goes on as soon as the stage is back.'],
    over: ['Thanks for watching', 'The show is over. Should another one start, it begins here by itself.'],
    unsupported: ['This browser cannot play the show', 'Please open this page in a current browser.'],
    misaddressed: ['There is no show at this address', 'Please check the link you were given.'],
    titleSuffix: 'live',
    badgeLive: 'Live',
    badgeGoLive: 'Go to live',
    goLiveHint: 'Go to the live moment',
    play: 'Play',
    unmute: 'Turn sound on',
    watching: '{count} watching',
    frame: 'Live show: {name}',
    quality: 'Quality',
    auto: 'Auto',
    autoNow: 'Auto · {name}',
    source: 'Source',
    seconds: '{seconds} s',
    latencyHint: 'Time between the stage and this screen',
  },
};

/** The table for the first of `languages` (BCP 47 tags) that we have; English otherwise. */
export function tableFor(languages) {
  for (const tag of languages) {
    const language = tag.toLowerCase().split('-')[0];
    if (Object.hasOwn(tables, language)) return { language, text: tables[language] };
  }
  return { language: 'en', text: tables.en };
}

/** `template` with each `{name}` replaced by `values.name`. */
export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
