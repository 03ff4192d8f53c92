import { Registry } from 'prom-client';

/** The one registry; metrics are defined at the top of the file that moves them. */
export const metricsRegistry = new Registry();

/** Beside it, as in the kubelet: one series per probe of each container, which not everybody wants to scrape. */
export const probeMetricsRegistry = new Registry();
