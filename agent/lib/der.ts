// As much of DER (ITU-T X.690) as certificates need. Each function returns one complete element.

function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content]);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const digits = length.toString(16);
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

export function sequence(...elements: readonly Buffer[]): Buffer {
  return element(0x30, ...elements);
}

export function set(...elements: readonly Buffer[]): Buffer {
  return element(0x31, ...elements);
}

export function boolean(value: boolean): Buffer {
  return element(0x01, Buffer.from([value ? 0xff : 0]));
}

/** NULL, where an algorithm has no parameters and says so. */
export function nothing(): Buffer {
  return element(0x05);
}

/** A non-negative integer given as big-endian bytes. */
export function integer(bytes: Buffer): Buffer {
  // A leading 1 bit would make it negative.
  const isHigh = (bytes[0] ?? 0) >= 0x80;
  return element(0x02, isHigh ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) {
    bytes.unshift((left & 0x7f) | 0x80);
  }
  return bytes;
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text));
}

export function octetString(content: Buffer): Buffer {
  return element(0x04, content);
}

/** Whole bytes, or the named bits of a flag set with `unusedBits` at its end. */
export function bitString(content: Buffer, unusedBits = 0): Buffer {
  return element(0x03, Buffer.from([unusedBits]), content);
}

/** RFC 5280 4.1.2.5: two-digit years until 2049, four-digit ones from then on. */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(text.slice(2)))
    : element(0x18, Buffer.from(text));
}

/** A context-specific tag: `explicit` wraps elements, `implicit` replaces the tag of plain content. */
export function explicit(number: number, ...elements: readonly Buffer[]): Buffer {
  return element(0xa0 | number, ...elements);
}

export function implicit(number: number, content: Buffer): Buffer {
  return element(0x80 | number, content);
}
