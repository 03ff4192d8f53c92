// Imported first by a test: runs that test again inside its own mount and network namespaces, so that nothing it does
// reaches the machine.
import { spawnSync } from 'node:child_process';

const MARK = 'NODELET_TEST_IN_NAMESPACES';

if (process.env[MARK] === undefined) {
  const { status } = spawnSync(
    'unshare',
    [
      '--mount',
      '--net',
      '--propagation',
      'private',
      process.execPath,
      ...process.execArgv,
      ...process.argv.slice(1),
    ],
    { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } },
  );
  process.exit(status ?? 1);
}
