import t from 'tap';
import type { PodStatus } from '../api/objects.ts';
import { buildStatusPatch } from './patch.ts';

const old: PodStatus = {
  phase: 'Pending',
  conditions: [
    { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'm', lastProbeTime: null },
    { type: 'example.com/gate', status: 'True' },
  ],
  podIPs: [{ ip: '10.0.0.1' }],
  podIP: '10.0.0.1',
};

t.test('equal statuses make no patch', async t => {
  t.equal(buildStatusPatch(old, structuredClone(old)), undefined);
});

t.test('a condition that loses its reason says so explicitly', async t => {
  const next: PodStatus = {
    ...old,
    conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null }, ...(old.conditions ?? []).slice(1)],
  };
  t.strictSame(buildStatusPatch(old, next), {
    conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null, reason: null, message: null }],
  });
});

t.test('a replaced pod address is deleted by its merge key', async t => {
  const next: PodStatus = { ...old, podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }] };
  t.strictSame(buildStatusPatch(old, next), {
    podIP: '10.0.0.2',
    podIPs: [{ ip: '10.0.0.2' }, { ip: '10.0.0.1', $patch: 'delete' }],
  });
});

t.test('fields of other writers are left alone', async t => {
  const foreign = { ...old, nominatedNodeName: 'node-2' } as PodStatus; // as the API server may send it
  t.equal(buildStatusPatch(foreign, old), undefined);
});

t.test('a limit that is gone is set to null, the rest of the map stays', async t => {
  const old = { resources: { requests: { cpu: '1' }, limits: { cpu: '1', memory: '1Mi' } } };
  const next = { resources: { requests: { cpu: '1' }, limits: { cpu: '1' } } };
  t.same(buildStatusPatch(old, next), {
    resources: { requests: { cpu: '1' }, limits: { cpu: '1', memory: null } },
  });
});
