import t from 'tap';
import type { Pod, ResourceRequirements } from '../api/objects.ts';
import { allocationFromStatus, allocationOf, isSameRequirements, withAllocation } from './allocation.ts';

function makePod(resources: ResourceRequirements, status?: Pod['status']): Pod {
  const spec = { containers: [{ name: 'c', image: 'i', resources }] };
  return { metadata: { name: 'p' }, spec, ...(status ? { status } : {}) };
}

const small = { requests: { cpu: '1', memory: '1Gi' } };
const large = { requests: { cpu: '2', memory: '1Gi' } };

t.test('withAllocation() puts what was given in the place of what is asked for', async t => {
  t.same(withAllocation(makePod(large), allocationOf(makePod(small))).spec, makePod(small).spec);
});

t.test('withAllocation() gives back the very pod when nothing differs', async t => {
  const pod = makePod(small);
  t.equal(withAllocation(pod, undefined), pod);
  t.equal(withAllocation(pod, allocationOf(makePod({ requests: { cpu: '1000m', memory: '1024Mi' } }))), pod);
});

t.test('allocationFromStatus() takes what the API server was told', async t => {
  const told = { name: 'c', allocatedResources: small.requests, resources: small };
  // The parts of a status that are not looked at are left out.
  const status = { containerStatuses: [told] } as unknown as NonNullable<Pod['status']>;
  t.same(allocationFromStatus(makePod(large, status))?.containers.get('c'), small);
  t.equal(allocationFromStatus(makePod(large)), undefined);
});

t.test('isSameRequirements() compares cpu and memory by value', async t => {
  t.ok(isSameRequirements({ limits: { cpu: '0.5' } }, { limits: { cpu: '500m' } }));
  t.ok(isSameRequirements(undefined, {}));
  t.notOk(isSameRequirements({ limits: { cpu: '1' } }, { requests: { cpu: '1' } }));
  t.ok(isSameRequirements({ limits: { 'x.io/gpu': '1' } }, {}), 'nothing else can be resized');
});
