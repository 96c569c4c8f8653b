import assert from 'node:assert/strict';
import test from 'node:test';
import { crc16, decode } from './clock.mjs';

const TIME = 1_795_266_000_123;

function cells(time) {
  const six = [5, 4, 3, 2, 1, 0].map((power) => Math.floor(time / 256 ** power) % 256);
  const crc = crc16(six);
  return [0b10100101, ...six, crc >> 8, crc & 255, 0b01011010].flatMap((byte) => [...byte.toString(2).padStart(8, '0')].map((bit) => bit === '1'));
}

test('the code is the one clock_source draws', () => {
  assert.equal(crc16([...'123456789'].map((digit) => digit.charCodeAt(0))), 0x29b1);
  assert.equal(decode(cells(TIME)), TIME);
});

test('any one wrong cell is noticed', () => {
  for (let wrong = 0; wrong < 80; wrong += 1) {
    const code = cells(TIME);
    code[wrong] = !code[wrong];
    assert.equal(decode(code), null, `cell ${wrong}`);
  }
});
