// metav1.LabelSelector.
import type { NodeSelectorRequirement } from '../api/objects.ts';
import { matchesNodeSelectorTerms } from './node-affinity.ts';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly NodeSelectorRequirement[];
}

/** An empty selector matches everything, a missing one nothing. */
export function matchesLabelSelector(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (!selector) return false;
  const matchExpressions = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
      key,
      operator: 'In',
      values: [value],
    })),
    ...(selector.matchExpressions ?? []),
  ];
  return matchExpressions.length === 0 || matchesNodeSelectorTerms([{ matchExpressions }], labels);
}
