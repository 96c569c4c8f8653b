// Reads the wall clock that tests/src/bin/clock_source.rs draws into every picture. Pure.

export const COLUMNS = 40;
export const ROWS = 2;
const HEAD = 0b10100101;
const TAIL = 0b01011010;

/** Milliseconds since 1970 from the 80 cells (booleans, row by row), or null for a torn code. */
export function decode(cells) {
  const bytes = Array.from({ length: 10 }, (_, byte) =>
    cells.slice(byte * 8, byte * 8 + 8).reduce((value, bit) => value * 2 + (bit ? 1 : 0), 0));
  const time = bytes.slice(1, 7);
  const whole = bytes[0] === HEAD && bytes[9] === TAIL && bytes[7] * 256 + bytes[8] === crc16(time);
  return whole ? time.reduce((value, byte) => value * 256 + byte, 0) : null;
}

/** CRC-16/CCITT-FALSE. */
export function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
