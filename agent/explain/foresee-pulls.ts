// Which images containers that start would bring here. The runtime is asked once for each image, whoever needs it.
import type { Pod } from '../api/objects.ts';
import { fullName } from '../pod/naming.ts';
import { allContainers } from '../resources/containers.ts';
import type { ForeseenChange } from './foreseen.ts';

/** A resized container keeps its image, and one that ends needs none. */
const STARTS: ReadonlySet<string> = new Set(['starts', 'restarts']);

interface Need {
  readonly subject: string;
  readonly policy: string;
}

export async function foreseePulls(
  changes: readonly ForeseenChange[],
  pods: readonly Pod[],
  isPresent: (image: string) => Promise<boolean>,
): Promise<readonly ForeseenChange[]> {
  const pulls: ForeseenChange[] = [];
  for (const [image, needs] of needsByImage(changes, pods)) {
    const always = needs.filter(({ policy }) => policy === 'Always');
    const pullers = needs.length > always.length && !(await isPresent(image)) ? needs : always;
    if (pullers.length === 0) continue;
    const why = `for ${pullers.map(({ subject }) => subject).join(', ')}`;
    pulls.push({ kind: 'image', subject: image, change: 'is pulled', why, isDisturbing: false });
  }
  return pulls;
}

/** Without those that must do with what is here. */
function needsByImage(
  changes: readonly ForeseenChange[],
  pods: readonly Pod[],
): ReadonlyMap<string, readonly Need[]> {
  const containers = new Map(
    pods.flatMap(pod => allContainers(pod.spec).map(one => [`${fullName(pod)} ${one.name}`, one])),
  );
  const needs = new Map<string, Need[]>();
  for (const { subject, change } of changes) {
    const container = STARTS.has(change) ? containers.get(subject) : undefined;
    const policy = container?.imagePullPolicy ?? 'IfNotPresent';
    if (container === undefined || policy === 'Never') continue;
    needs.set(container.image, [...(needs.get(container.image) ?? []), { subject, policy }]);
  }
  return needs;
}
