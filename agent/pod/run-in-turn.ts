import type { PodAction } from './pod-plan.ts';

/** Runs actions together; each gets a promise for the end of the stops that go before its own. */
export async function runInTurn(
  actions: readonly PodAction[],
  run: (action: PodAction, turn: Promise<unknown>) => Promise<void>,
): Promise<void> {
  const orderOf = (action: PodAction): number => (action.kind === 'stopContainer' ? action.order : 0);
  const started: { readonly order: number; readonly done: Promise<void> }[] = [];
  for (const action of actions.toSorted((a, b) => orderOf(a) - orderOf(b))) {
    const order = orderOf(action);
    const earlier = started.filter(other => other.order < order).map(({ done }) => done);
    started.push({ order, done: run(action, Promise.all(earlier)) });
  }
  await Promise.all(started.map(({ done }) => done));
}
