import t from 'tap';
import { LogFormatter } from './log-formatter.ts';

const T1 = '2026-05-01T12:00:00.5Z';
const T2 = '2026-05-01T12:00:01.123456789Z';
const T3 = '2026-05-01T14:00:02+02:00';

const RECORDS = [
  `${T1} stdout F one`,
  `${T2} stderr P two `,
  `${T2} stderr F continued`,
  'no record at all',
  `${T3} stdout F `,
  `${T3} stdin F nobody writes here`,
  `${T3} stdout F:tag three\r`,
  '',
].join('\n');

const PLAIN = { timestamps: false, sinceMs: undefined, stream: undefined };

function convert(format: Partial<typeof PLAIN> | object, text = RECORDS, maxRecords?: number): string {
  return new LogFormatter({ ...PLAIN, ...format }, maxRecords).convert(Buffer.from(text)).toString();
}

void t.test('convert() gives what the container wrote', async t => {
  t.equal(convert({}), 'one\ntwo continued\n\nthree\r\n');
  t.equal(convert({ stream: 'stderr' }), 'two continued\n');
  t.equal(convert({}, RECORDS, 2), 'one\ntwo ', 'so many records');
});

void t.test(
  'convert() puts a time with nine digits before each line, not before its continuation',
  async t => {
    t.equal(
      convert({ timestamps: true }),
      [
        '2026-05-01T12:00:00.500000000Z one',
        '2026-05-01T12:00:01.123456789Z two continued',
        '2026-05-01T14:00:02.000000000+02:00 ',
        '2026-05-01T14:00:02.000000000+02:00 three\r',
        '',
      ].join('\n'),
    );
  },
);

void t.test('convert() leaves out what is older, to the millisecond', async t => {
  t.equal(convert({ sinceMs: Date.parse('2026-05-01T12:00:00.499Z') }).split('\n')[0], 'one');
  t.equal(convert({ sinceMs: Date.parse('2026-05-01T12:00:00.501Z') }).split('\n')[0], 'two continued');
  t.equal(convert({ sinceMs: Date.parse('2026-05-01T12:00:02Z') }), '\nthree\r\n');
  t.equal(convert({ sinceMs: Date.parse('2026-05-01T13:00:00Z') }), '');
});

void t.test('convert() survives anything', async t => {
  for (const text of [
    '',
    '\n',
    '\n\n\n',
    ' ',
    T1,
    `${T1} `,
    `${T1} stdout`,
    `${T1} stdout F`,
    `${T1} stdout P`,
  ]) {
    t.equal(convert({ timestamps: true, sinceMs: 0 }, text), '', JSON.stringify(text));
  }
  let seed = 1;
  for (let round = 0; round < 500; round += 1) {
    const bytes = Buffer.from(RECORDS);
    for (let change = 0; change < 5; change += 1) {
      seed = (seed * 48_271) % 0x7fffffff;
      bytes[seed % bytes.length] = seed >> 8;
    }
    new LogFormatter({ ...PLAIN, timestamps: true, sinceMs: 0 }).convert(bytes);
  }
  t.pass('500 broken blocks');
});
