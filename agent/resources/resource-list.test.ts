import t from 'tap';
import type { Container } from '../api/objects.ts';
import { formatDecimal, sumPodLimits, sumPodRequests } from './resource-list.ts';

function container(requests: Record<string, string>, more: Partial<Container> = {}): Container {
  return { name: 'c', image: 'i', resources: { requests, limits: requests }, ...more };
}

t.test('requests of containers are added, in the form of the first', async t => {
  const containers = [
    container({ cpu: '50m', memory: '16Mi' }),
    container({ cpu: '1', memory: '16Mi', 'x.example/y': '2' }),
  ];
  t.same(sumPodRequests({ containers }), { cpu: '1050m', memory: '32Mi', 'x.example/y': '2' });
});

t.test('an init container counts with its peak, a sidecar for the whole life', async t => {
  const initContainers = [
    container({ cpu: '100m' }, { restartPolicy: 'Always' }),
    container({ cpu: '500m', memory: '1Mi' }),
  ];
  t.same(sumPodRequests({ initContainers, containers: [container({ cpu: '200m' })] }), {
    cpu: '600m',
    memory: '1Mi',
  });
});

t.test('what the pod itself asks for takes the place of the sum', async t => {
  const spec = {
    resources: { requests: { cpu: '2' } },
    containers: [container({ cpu: '1', memory: '1Mi' })],
  };
  t.same(sumPodRequests(spec), { cpu: '2', memory: '1Mi' });
});

t.test('overhead is always asked for, and limits nothing that is not limited', async t => {
  const spec = { overhead: { cpu: '10m', memory: '1Mi' }, containers: [container({ cpu: '1' })] };
  t.same(sumPodRequests(spec), { cpu: '1010m', memory: '1Mi' });
  t.same(sumPodLimits(spec), { cpu: '1010m' });
});

t.test('decimal quantities', async t => {
  const cases = { '0.05': '50m', '1': '1', '1500': '1500', '2000': '2k', '3000000': '3M', '0': '0' };
  for (const [amount, text] of Object.entries(cases)) t.equal(formatDecimal(Number(amount)), text);
});
