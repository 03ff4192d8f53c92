// Whether a node is one that a pod asks for: nodeSelector and required node affinity (component-helpers nodeaffinity).

import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '../api/objects.ts';

export function matchesNode({ nodeSelector, affinity }: PodSpec, { metadata }: Node): boolean {
  const labels = metadata.labels ?? {};
  const isSelected = Object.entries(nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!isSelected || !required) return isSelected;
  return required.nodeSelectorTerms.some(term => matchesTerm(term, labels, metadata.name));
}

/** Whether one of the terms selects a node with these labels (a PersistentVolume's nodeAffinity). */
export function matchesNodeSelectorTerms(
  terms: readonly NodeSelectorTerm[],
  labels: Readonly<Record<string, string>>,
): boolean {
  return terms.some(term => matchesTerm(term, labels, ''));
}

function matchesTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  labels: Readonly<Record<string, string>>,
  nodeName: string,
): boolean {
  // An empty term selects nothing.
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every(requirement => matchesRequirement(requirement, labels[requirement.key])) &&
    matchFields.every(requirement =>
      matchesRequirement(requirement, requirement.key === 'metadata.name' ? nodeName : undefined),
    )
  );
}

function matchesRequirement(
  { operator, values = [] }: NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isInteger(value) && Number(value) > Number(values[0]);
    case 'Lt':
      return isInteger(value) && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function isInteger(value: string | undefined): boolean {
  return value !== undefined && /^-?\d+$/.test(value);
}
