import type { Container, Pod, Probe } from '../api/objects.ts';

export type ProbeType = 'startup' | 'liveness' | 'readiness';

/** As it stands in events and metrics. */
export const PROBE_TITLES = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

// What the API server fills in; static pods come without (pkg/apis/core/v1/defaults.go).
const DEFAULT_TIMEOUT_SECONDS = 1;
const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_SUCCESS_THRESHOLD = 1;
const DEFAULT_FAILURE_THRESHOLD = 3;

/** A probe with its times in milliseconds and every default filled in. */
export interface ProbeSpec {
  readonly type: ProbeType;
  readonly handler: Probe;
  readonly initialDelayMs: number;
  readonly timeoutMs: number;
  readonly periodMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export interface ContainerSpecs {
  readonly container: Container;
  readonly startup: ProbeSpec | undefined;
  readonly liveness: ProbeSpec | undefined;
  readonly readiness: ProbeSpec | undefined;
}

/** The probed containers of a pod: regular ones and sidecars. */
export function buildContainerSpecs({ spec }: Pod): readonly ContainerSpecs[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...spec.containers, ...sidecars].filter(hasProbe).map(container => ({
    container,
    startup: buildSpec('startup', container.startupProbe),
    liveness: buildSpec('liveness', container.livenessProbe),
    readiness: buildSpec('readiness', container.readinessProbe),
  }));
}

function hasProbe({ startupProbe, livenessProbe, readinessProbe }: Container): boolean {
  return (startupProbe ?? livenessProbe ?? readinessProbe) !== undefined;
}

function buildSpec(type: ProbeType, probe: Probe | undefined): ProbeSpec | undefined {
  if (!probe) return undefined;
  return {
    type,
    handler: probe,
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    timeoutMs: (probe.timeoutSeconds || DEFAULT_TIMEOUT_SECONDS) * 1000,
    periodMs: (probe.periodSeconds || DEFAULT_PERIOD_SECONDS) * 1000,
    // Of the other two the API allows nothing but 1.
    successThreshold: type === 'readiness' ? probe.successThreshold || DEFAULT_SUCCESS_THRESHOLD : 1,
    failureThreshold: probe.failureThreshold || DEFAULT_FAILURE_THRESHOLD,
  };
}
