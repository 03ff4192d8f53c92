import { Registry } from 'prom-client';

/** The one registry; metrics are defined at the top of the file that moves them. */
export const metricsRegistry = new Registry();
