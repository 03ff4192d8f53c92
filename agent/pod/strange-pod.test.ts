// Pods as a newer or broken API server might send them: whatever is strange about them stays their own problem.

import t from 'tap';
import type { Pod } from '../api/objects.ts';
import { planAdmission } from '../resources/plan-admission.ts';
import { emptyObservedPod } from '../runtime/observed-pod.ts';
import { buildPodStatus } from '../status/build.ts';
import { NO_RESIZE } from '../status/status-input.ts';
import { buildPodLimits } from './build-pod-limits.ts';
import { EMPTY_MEMORY } from './memory.ts';
import { planPod } from './plan.ts';

const ROOMY_NODE = {
  others: [],
  node: { metadata: { name: 'n' }, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } },
  allowedUnsafeSysctls: [],
  isAppArmorEnabled: true,
};
const web = { name: 'web', image: 'web:1' };
const spec = { containers: [web], restartPolicy: 'Always' };

const STRANGE: Readonly<Record<string, object>> = {
  'an unknown restartPolicy': { ...spec, restartPolicy: 'Sometimes' },
  'no restartPolicy': { containers: [web] },
  'an unknown restartPolicy of a container': { containers: [{ ...web, restartPolicy: 'OnTuesdays' }] },
  'an unknown kind of volume': { ...spec, volumes: [{ name: 'v', hologram: { size: 3 } }] },
  'a volume without any kind': { ...spec, volumes: [{ name: 'v' }] },
  'no image': { containers: [{ name: 'web' }] },
  'a quantity that is none': { containers: [{ ...web, resources: { limits: { memory: 'lots' } } }] },
  'an unknown resource': { containers: [{ ...web, resources: { limits: { 'x.example/soul': '1' } } }] },
  'a negative quantity': { containers: [{ ...web, resources: { requests: { cpu: '-1' } } }] },
  'null where a list may be': { containers: [web], volumes: null, hostAliases: null, tolerations: null },
  'an unknown dnsPolicy': { ...spec, dnsPolicy: 'Oracle' },
  'fields nobody knows': { ...spec, containers: [{ ...web, aura: 'blue' }], teleport: { to: 'moon' } },
};

for (const [name, strange] of Object.entries(STRANGE)) {
  t.test(`a pod with ${name} is planned and reported like any other`, async t => {
    // The cast is the point: this is what the wire may carry.
    const pod = { metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec: strange } as unknown as Pod;
    const observed = emptyObservedPod('u', 'n', 'p');
    const input = {
      lifecycle: 'syncing',
      desired: { pod, source: 'api' },
      observed,
      memory: EMPTY_MEMORY,
      verdicts: new Map(),
    } as const;
    t.equal(planPod({ ...input, nowMs: 1 }).actions[0]?.kind, 'createSandbox');
    t.type(buildPodLimits(pod), 'object');
    t.equal(planAdmission({ pod, ...ROOMY_NODE }).kind, 'admitted');
    const status = buildPodStatus({
      pod,
      observed,
      sandbox: undefined,
      waiting: new Map(),
      terminationMessages: new Map(),
      verdicts: new Map(),
      verdict: undefined,
      resize: NO_RESIZE,
      actuated: new Map(),
      areVolumesReady: false,
      isTerminal: false,
      nodeIPs: [],
      runtime: { name: 'containerd', supportsRecursiveReadOnly: false },
      nowMs: 1,
    });
    t.equal(status.phase, 'Pending');
  });
}
