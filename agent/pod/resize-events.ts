// Texts of the events about an in-place resize (pkg/kubelet/events/resize.go). Pure.

import type { Container, Pod } from '../api/objects.ts';

export function formatResize(what: string, { spec, metadata }: Pod, error = ''): string {
  const { initContainers = [], containers } = spec;
  const summary = {
    ...(initContainers.length > 0 ? { initContainers: initContainers.map(summarize) } : {}),
    containers: containers.map(summarize),
    generation: metadata.generation ?? 0,
    ...(error === '' ? {} : { error }),
  };
  return `Pod resize ${what}: ${JSON.stringify(summary)}`;
}

function summarize({ name, resources }: Container): object {
  const { limits, requests } = resources ?? {};
  return { name, resources: { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) } };
}
