import { Counter, Gauge, Histogram } from 'prom-client';
import { metricsRegistry } from '../lib/metrics.ts';

const LABELS = ['method', 'path', 'server_type', 'long_running'] as const;

const requestsTotal = new Counter({
  name: 'kubelet_http_requests_total',
  help: 'Number of the http requests received since the server started',
  labelNames: LABELS,
  registers: [metricsRegistry],
});

const durationSeconds = new Histogram({
  name: 'kubelet_http_requests_duration_seconds',
  help: 'Duration in seconds to serve http requests',
  labelNames: LABELS,
  registers: [metricsRegistry],
});

const inFlight = new Gauge({
  name: 'kubelet_http_inflight_requests',
  help: 'Number of the inflight http requests',
  labelNames: LABELS,
  registers: [metricsRegistry],
});

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE']);
const METRICS_PATHS = new Set(['metrics/cadvisor', 'metrics/probes', 'metrics/resource']);
const LONG_RUNNING = new Set(['exec', 'attach', 'portforward', 'debug']);

/** Counts a request from now until the returned function is called. `roots`: the first parts of paths we answer. */
export function countRequest(
  request: { readonly method: string; readonly path: string },
  {
    serverType,
    roots,
  }: { readonly serverType: 'readwrite' | 'readonly'; readonly roots: ReadonlySet<string> },
): () => void {
  const path = bucketOf(request.path, roots);
  const labels = {
    method: METHODS.has(request.method) ? request.method : 'other',
    path,
    server_type: serverType,
    long_running: String(LONG_RUNNING.has(path.toLowerCase())),
  };
  requestsTotal.inc(labels);
  inFlight.inc(labels);
  const stopTimer = durationSeconds.startTimer(labels);
  return () => {
    inFlight.dec(labels);
    stopTimer();
  };
}

function bucketOf(path: string, roots: ReadonlySet<string>): string {
  const [root = '', second = ''] = path.replace(/^\//, '').split('/');
  const pair = `${root}/${second}`;
  if (METRICS_PATHS.has(pair)) return pair;
  return roots.has(root) ? root : 'other';
}
