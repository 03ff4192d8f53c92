import { join } from 'node:path';

/** Holds one directory per sandbox; `hack/down` removes it, so nothing here may be costly to make again. */
export const STATE_ROOT = '/var/lib/nodelet-sandbox';

/** Survives `hack/down` and fresh clones: everything that is slow to make. */
export const CACHE_ROOT = '/var/cache/nodelet';

export const CHECKOUT = join(import.meta.dirname, '..', '..');

/** Where one sandbox keeps its things. Pure path arithmetic: the state directory is the only registry there is. */
export interface SandboxPaths {
  readonly root: string;
  readonly state: string;
  readonly lock: string;
  /** A link to the cached directory with `kubectl`, `kube-apiserver` and the other programs. */
  readonly bin: string;
  readonly pki: string;
  readonly controlPlane: string;
  readonly nodes: string;
}

export function sandboxPaths(name: string): SandboxPaths {
  const root = join(STATE_ROOT, name);
  return {
    root,
    state: join(root, 'sandbox.json'),
    lock: join(root, 'lock'),
    bin: join(root, 'bin'),
    pki: join(root, 'pki'),
    controlPlane: join(root, 'control-plane'),
    nodes: join(root, 'nodes'),
  };
}
