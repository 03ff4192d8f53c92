// host-local's reservations: one file per address, which holds the sandbox's id and the interface. It never looks back at
// whether the sandbox is still there; a podCIDR has room for 254 of them.
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { IPAM_STATE_DIR, NETWORK_NAME } from '../../cni/build-conflist.ts';

const DIRECTORY = join(IPAM_STATE_DIR, NETWORK_NAME);
// A sandbox is listed only when it is complete; nothing takes so long.
const OLD_AFTER_MS = 300_000;

export interface Reservation {
  readonly address: string;
  readonly containerId: string;
}

/** Those that cannot belong to a sandbox that is being made right now. */
export async function listOldReservations(
  nowMs: number,
  directory = DIRECTORY,
): Promise<readonly Reservation[]> {
  const names = await readdir(directory).catch(() => []); // not there before the first pod
  const found = await Promise.all(
    names.map(async name => {
      // Besides the addresses: `lock` and `last_reserved_ip.0`.
      if (!/^[0-9a-f.:]+$/.test(name)) return [];
      const path = join(directory, name);
      try {
        if (nowMs - (await stat(path)).mtimeMs < OLD_AFTER_MS) return [];
        const [containerId = ''] = (await readFile(path, 'utf8')).split(/\r?\n/);
        return containerId === '' ? [] : [{ address: name, containerId: containerId.trim() }];
      } catch {
        return []; // released meanwhile
      }
    }),
  );
  return found.flat();
}

export async function releaseReservation(address: string, directory = DIRECTORY): Promise<void> {
  await rm(join(directory, address), { force: true });
}
