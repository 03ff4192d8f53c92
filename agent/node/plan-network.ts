// Whether the CNI configuration is ours to write, and what has to happen to the file.
import { buildConflist, CONFLIST_NAME, type ConflistInputs } from '../../cni/build-conflist.ts';

export interface NetworkInputs extends ConflistInputs {
  /** `auto`: ours unless the directory holds somebody else's. */
  readonly manageCNI: 'auto' | boolean;
  /** File names in the CNI configuration directory. */
  readonly fileNames: readonly string[];
  /** What our file holds now; undefined when it is not there. */
  readonly ownContent: string | undefined;
}

export type NetworkPlan =
  /** Nothing to do for us: switched off, or `owner` (a file name) rules the network. */
  | { readonly kind: 'notOurs'; readonly owner: string | undefined; readonly removeOwn: boolean }
  | { readonly kind: 'awaitPodCIDR' }
  | { readonly kind: 'write'; readonly content: string }
  | { readonly kind: 'keep' };

export function planNetwork(inputs: NetworkInputs): NetworkPlan {
  const removeOwn = inputs.ownContent !== undefined;
  if (inputs.manageCNI === false) return { kind: 'notOurs', owner: undefined, removeOwn };
  const owner = findOwner(inputs.fileNames);
  if (inputs.manageCNI === 'auto' && owner !== undefined) return { kind: 'notOurs', owner, removeOwn };
  // Running pods need the present file for their own tear-down, so it stays while the podCIDR is unknown.
  if (inputs.podCIDRs.length === 0) return { kind: 'awaitPodCIDR' };
  const content = buildConflist(inputs);
  return content === inputs.ownContent ? { kind: 'keep' } : { kind: 'write', content };
}

// What a runtime would load (go-cni: these three extensions); podman's own network is not meant for pods of a cluster.
function findOwner(fileNames: readonly string[]): string | undefined {
  return fileNames
    .toSorted()
    .find(
      name => /\.(conf|conflist|json)$/.test(name) && name !== CONFLIST_NAME && !name.startsWith('87-podman'),
    );
}
