// What the API server says it has done, out of its own metrics. They know verbs and resources, not clients: what others
// ask is taken off by a window in which no agent runs.

export interface ApiUse {
  readonly requests: number;
  /** Bodies of requests, of answers and of watch events; headers and TLS not. */
  readonly bytes: number;
}

export function parseApiUse(metrics: string): ApiUse {
  return {
    requests: sumOf(metrics, 'apiserver_request_total'),
    bytes:
      sumOf(metrics, 'apiserver_request_body_size_bytes_sum') +
      sumOf(metrics, 'apiserver_response_sizes_sum') +
      sumOf(metrics, 'apiserver_watch_events_sizes_sum'),
  };
}

function sumOf(metrics: string, name: string): number {
  let sum = 0;
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(`${name}{`)) continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}
