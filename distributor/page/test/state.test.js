import assert from 'node:assert/strict';
import test from 'node:test';
import { ABSENT_MEANS_OVER, initial, isUrgent, next, view } from '../src/state.js';
import { tables } from '../src/text.js';

const after = (...events) => events.reduce((state, event) => next(state, typeof event === 'string' ? { type: event } : event), initial);
const said = (state) => tables.en[view(state).message][0];

test('before the show it says so plainly, and offers no controls', () => {
  const state = after('absent');
  assert.equal(said(state), 'The show starts soon');
  assert.equal(view(state).painted, true);
  assert.equal(view(state).controls, false);
  assert.equal(after('absent', 'absent', 'absent', 'absent').phase, 'before');
});

test('the show begins by itself: found, then the picture moves', () => {
  assert.equal(after('absent', 'found').phase, 'starting');
  const state = after('absent', 'found', 'moving');
  assert.equal(said(state), 'Playing live');
  assert.equal(view(state).painted, false);
  assert.equal(view(state).live, true);
});

test('sound is off at first and one button turns it on', () => {
  assert.equal(view(after('found', 'moving')).unmute, true);
  assert.equal(view(after('found', 'moving', { type: 'muted', value: false })).unmute, false);
});

test('a refused autoplay leaves one big button and no message over it', () => {
  const shown = view(after('found', 'blocked'));
  assert.equal(shown.play, true);
  assert.equal(shown.painted, false);
  assert.equal(view(after('found', 'blocked', 'moving')).play, false);
});

test('behind live and paused offer the way back, and are said', () => {
  const behind = after('found', 'moving', { type: 'behind', value: true });
  assert.equal(said(behind), 'Playing behind live');
  assert.equal(view(behind).goLive, true);
  const paused = after('found', 'moving', { type: 'paused', value: true });
  assert.equal(said(paused), 'Paused');
  assert.equal(view(paused).goLive, true);
});

test('a lost picture is reconnecting until it moves again', () => {
  for (const event of ['stuck', 'lost']) {
    assert.equal(said(after('found', 'moving', event)), 'Reconnecting');
    assert.equal(view(after('found', 'moving', event)).badge, false);
    assert.equal(after('found', 'moving', event, 'unreachable', 'found').phase, 'reconnecting');
    assert.equal(after('found', 'moving', event, 'found', 'moving').phase, 'playing');
  }
});

test('a show that vanished for a moment is not over, one that stays away is', () => {
  const gone = (times) => after('found', 'moving', 'lost', ...Array(times).fill('absent'));
  assert.equal(gone(ABSENT_MEANS_OVER - 1).phase, 'reconnecting');
  assert.equal(gone(ABSENT_MEANS_OVER).phase, 'over');
  assert.equal(next(gone(ABSENT_MEANS_OVER), { type: 'absent' }).phase, 'over');
});

test('an absence between two good answers is forgotten', () => {
  const events = ['found', 'moving', 'lost', 'absent', 'absent', 'found', 'moving', 'lost', 'absent'];
  assert.equal(after(...events).phase, 'reconnecting');
});

test('the end is said, and the next show begins by itself', () => {
  assert.equal(said(after('found', 'moving', 'ended')), 'Thanks for watching');
  assert.equal(after('finished').phase, 'over');
  assert.equal(after('found', 'moving', 'ended', 'finished').phase, 'over');
  assert.equal(after('found', 'moving', 'ended', 'lost').phase, 'over');
  assert.equal(after('found', 'moving', 'ended', 'absent', 'found', 'moving').phase, 'playing');
});

test('a distributor that cannot be reached is said to be so, not a show that has not started', () => {
  assert.equal(said(after('unreachable')), 'The show cannot be reached');
  assert.equal(after('found', 'lost').phase, 'unreached');
  assert.equal(after('unreachable', 'found').phase, 'starting');
  assert.equal(after('unreachable', 'absent').phase, 'before');
  assert.equal(after('absent', 'unreachable').phase, 'before');
});

test('a missed picture is looked for urgently, a show that is not on gently', () => {
  assert.equal(isUrgent(after('found', 'moving', 'lost')), true);
  assert.equal(isUrgent(after('unreachable')), true);
  for (const event of ['absent', 'finished', 'ended']) assert.equal(isUrgent(after(event)), false);
});

test('a full house is said to be so, with the time until it is asked again, and let in when there is room', () => {
  const full = after({ type: 'full', seconds: 24 });
  assert.equal(said(full), 'The house is full');
  assert.equal(view(full).seconds, 24);
  assert.equal(next(full, { type: 'full', seconds: 31 }).seconds, 31);
  assert.equal(next(full, { type: 'found' }).phase, 'starting');
});

test('a held show says so over its slate, or where the picture should be, and goes on', () => {
  const held = { type: 'held', value: true };
  const slate = after('found', 'moving', held);
  assert.equal(said(slate), 'A short pause');
  assert.equal(view(slate).note && view(slate).painted && view(slate).controls, true);
  assert.equal(said(after('found', 'moving', held, 'stuck')), 'A short pause');
  assert.equal(said(next(slate, { type: 'held', value: false })), 'Playing live');
  assert.equal(said(next(slate, { type: 'paused', value: true })), 'Paused');
  assert.equal(said(next(slate, { type: 'ended' })), 'Thanks for watching');
});

test('a page that waits for its viewer has a button and no message, and says it when there is nothing to play', () => {
  const waiting = after('found', 'blocked');
  assert.equal(view(waiting).play, true);
  assert.equal(view(next(waiting, { type: 'found' })).play, false);
  const over = next(waiting, { type: 'finished' });
  assert.deepEqual([view(over).play, view(over).painted], [false, true]);
});

test('an event that changes nothing gives the same object, so nothing is redrawn', () => {
  const state = after('found', 'moving');
  assert.equal(next(state, { type: 'moving' }), state);
});

test('every message there is has its words', () => {
  const phases = ['connecting', 'before', 'full', 'unreached', 'starting', 'playing', 'reconnecting', 'over', 'unsupported', 'misaddressed'];
  for (const phase of phases) assert.ok(said({ ...initial, phase }).length > 0, phase);
});
