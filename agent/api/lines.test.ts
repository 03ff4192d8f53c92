import t from 'tap';
import { readLines } from './lines.ts';

async function split(chunks: readonly Buffer[]): Promise<string[]> {
  async function* source(): AsyncGenerator<Buffer> {
    yield* chunks;
  }
  const lines: string[] = [];
  for await (const line of readLines(source())) lines.push(line);
  return lines;
}

void t.test('readLines() joins what chunks cut apart, inside a character as well', async t => {
  const bytes = Buffer.from('one\ntwö\n\nthree');
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    t.strictSame(await split([bytes.subarray(0, cut), bytes.subarray(cut)]), ['one', 'twö', 'three']);
  }
  t.strictSame(await split([...bytes].map(byte => Buffer.from([byte]))), ['one', 'twö', 'three']);
  t.strictSame(await split([]), []);
});
