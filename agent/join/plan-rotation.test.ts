import t from 'tap';
import { type CertificateFacts, planRotation, type RotationPlan } from './plan-rotation.ts';

const HOUR_MS = 3_600_000;
const names = { dnsNames: ['worker-1'], ips: ['10.0.0.7'] };
const base: CertificateFacts = { notBeforeMs: 0, notAfterMs: 100 * HOUR_MS, names, spread: 0.5 };
const keep = (hours: number): RotationPlan => ({ kind: 'keep', untilMs: hours * HOUR_MS });
const request = (reason: 'missing' | 'due' | 'expired' | 'names'): RotationPlan => ({
  kind: 'request',
  reason,
});

const ROWS: readonly (readonly [string, CertificateFacts | undefined, number, RotationPlan])[] = [
  ['keeps a young certificate until 80 % of its life', base, 10, keep(80)],
  ['lets no certificate come before 70 %', { ...base, spread: 0 }, 69, keep(70)],
  ['waits no longer than 90 %', { ...base, spread: 1 }, 90, request('due')],
  ['asks when it is due', base, 80, request('due')],
  ['asks when it has expired while nobody looked', base, 100, request('expired')],
  ['asks when there is none', undefined, 0, request('missing')],
  ['waits when the clock stands before the certificate', { ...base, notBeforeMs: 5 * HOUR_MS }, 1, keep(5)],
  ['asks when an address is gone', { ...base, names: { ...names, ips: [] } }, 1, request('names')],
  ['asks when an address is new', { ...base, names: { ...names, ips: ['10.0.0.8'] } }, 1, request('names')],
];

t.test('planRotation()', async t => {
  for (const [title, certificate, hours, plan] of ROWS) {
    t.strictSame(planRotation(certificate, names, hours * HOUR_MS), plan, title);
  }
});
