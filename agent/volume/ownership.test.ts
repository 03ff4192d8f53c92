import t from 'tap';
import { buildGroupMode } from './ownership.ts';

t.test('buildGroupMode() adds the bits of a group and takes none away', async t => {
  const rows: [number, boolean, boolean, number][] = [
    // mode, directory, read-only volume, expected
    [0o644, false, false, 0o664],
    [0o600, false, true, 0o640],
    [0o777, true, false, 0o2777],
    [0o755, true, true, 0o2755],
    [0o700, true, false, 0o2770],
    [0o1777, true, true, 0o3777],
    [0o100644, false, false, 0o664],
  ];
  for (const [mode, isDirectory, isReadOnly, expected] of rows) {
    t.equal(
      buildGroupMode(mode, isDirectory, { fsGroup: 1, isReadOnly }).toString(8),
      expected.toString(8),
      mode.toString(8),
    );
  }
});
