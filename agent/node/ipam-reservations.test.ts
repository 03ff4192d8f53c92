import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { listOldReservations, releaseReservation } from './ipam-reservations.ts';

t.test('only what lies there for long counts, and only addresses', async t => {
  const directory = t.testdir();
  await mkdir(directory, { recursive: true });
  for (const name of ['10.244.0.2', '10.244.0.3', 'fd00::5', 'lock', 'last_reserved_ip.0']) {
    await writeFile(join(directory, name), `sandbox-of-${name}\r\neth0`);
    const old = new Date(Date.now() - 600_000);
    if (name !== '10.244.0.3') await utimes(join(directory, name), old, old);
  }
  const found = await listOldReservations(Date.now(), directory);
  t.same(found.map(({ address }) => address).toSorted(), ['10.244.0.2', 'fd00::5']);
  t.equal(found.find(({ address }) => address === 'fd00::5')?.containerId, 'sandbox-of-fd00::5');
  await releaseReservation('10.244.0.2', directory);
  t.notOk((await readdir(directory)).includes('10.244.0.2'));
  t.same(await listOldReservations(Date.now(), join(directory, 'nowhere')), []);
});
