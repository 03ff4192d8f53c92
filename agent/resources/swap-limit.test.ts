import t from 'tap';
import type { Container, Pod, ResourceRequirements } from '../api/objects.ts';
import { buildSwapLimitBytes, findSwapRefusal } from './swap-limit.ts';

const NODE = { memoryBytes: 8 * 2 ** 30, swapBytes: 2 * 2 ** 30 };

function swapOf(resources: ResourceRequirements, spec: Partial<Pod['spec']> = {}): number {
  const container = { name: 'main', image: 'none', resources };
  const pod = { metadata: { name: 'a' }, spec: { containers: [container], ...spec } } as Pod; // what is looked at
  return buildSwapLimitBytes(pod, container, NODE);
}

t.test('buildSwapLimitBytes() gives a request its share of the swap, and nobody else any', async t => {
  const share = 256 * 2 ** 20;
  const cases: readonly (readonly [string, number, ResourceRequirements, Partial<Pod['spec']>?])[] = [
    ['a request alone', share, { requests: { memory: '1Gi' } }],
    ['a request below the limit', share, { requests: { memory: '1Gi' }, limits: { memory: '2Gi' } }],
    ['the request is the limit', 0, { requests: { memory: '1Gi' }, limits: { memory: '1Gi' } }],
    ['no request for memory', 0, { requests: { cpu: '1' } }],
    ['nothing at all', 0, {}],
    ['a critical pod', 0, { requests: { memory: '1Gi' } }, { priority: 2_000_001_000 }],
    ['more than there is', 0, { requests: { memory: '9Gi' } }],
    [
      'a Guaranteed pod by its own resources',
      0,
      { requests: { memory: '1Gi' } },
      { resources: { limits: { cpu: '1', memory: '1Gi' } } },
    ],
  ];
  for (const [name, bytes, resources, spec] of cases) t.equal(swapOf(resources, spec), bytes, name);
});

t.test(
  'findSwapRefusal() keeps the memory of a container that may swap, unless it restarts for it',
  async t => {
    const podOf = (request: string, limit?: string, more: Partial<Container> = {}): Pod => {
      const limits = limit === undefined ? {} : { memory: limit };
      const main = {
        name: 'main',
        image: 'i',
        resources: { requests: { memory: request }, limits },
        ...more,
      };
      return { metadata: { name: 'a' }, spec: { containers: [main] } };
    };
    const text = 'In-place resize of containers with swap is not supported.';
    t.equal(findSwapRefusal(podOf('200Mi'), podOf('100Mi')), text);
    t.equal(findSwapRefusal(podOf('50Mi', '100Mi'), podOf('100Mi', '100Mi')), text, 'it would from now on');
    t.equal(findSwapRefusal(podOf('100Mi', '300Mi'), podOf('100Mi')), undefined, 'only the limit');
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] as const;
    t.equal(findSwapRefusal(podOf('200Mi', undefined, { resizePolicy }), podOf('100Mi')), undefined);
  },
);
