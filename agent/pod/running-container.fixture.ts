// For unit tests: a container as the runtime shows it after an ordinary start.
import type { Container } from '../api/objects.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';
import { buildContainerHash } from './naming.ts';

/** Of sandbox `s0`, first attempt, made from this container's spec. */
export function runningContainer(
  container: Container,
  changes: Partial<ObservedContainer> = {},
): ObservedContainer {
  return {
    id: `${container.name}-0`,
    sandboxId: 's0',
    name: container.name,
    attempt: 0,
    state: 'running',
    createdAtMs: 1,
    startedAtMs: 2,
    finishedAtMs: undefined,
    exitCode: 0,
    reason: '',
    message: '',
    hash: buildContainerHash(container),
    restartCount: 0,
    image: container.image,
    imageRef: 'ref',
    logPath: '',
    terminationGracePeriodSeconds: 30,
    terminationMessagePolicy: 'File',
    user: undefined,
    terminationMessageHostPath: undefined,
    ...changes,
  };
}
