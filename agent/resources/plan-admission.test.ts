import t from 'tap';
import type { Node, Pod, PodSpec } from '../api/objects.ts';
import { type AdmissionInput, planAdmission } from './plan-admission.ts';

const NODE: Node = {
  metadata: { name: 'node-1', labels: { 'kubernetes.io/os': 'linux', disk: 'ssd', size: '3' } },
  status: {
    allocatable: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi', pods: '3', 'x.io/gpu': '1' },
  },
};

function makePod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'p', namespace: 'n', uid: 'u', ...metadata },
    spec: { nodeName: 'node-1', containers: [{ name: 'c', image: 'i' }], ...spec },
  };
}

function asking(requests: Record<string, string>): Partial<PodSpec> {
  return { containers: [{ name: 'c', image: 'i', resources: { requests } }] };
}

function withPort(hostPort: number, more: object = {}): Partial<PodSpec> {
  return { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort, ...more }] }] };
}

const TAINT = { key: 'broken', value: 'yes', effect: 'NoExecute' };
const TAINTED: Node = { ...NODE, spec: { taints: [TAINT] } };
const STATIC = { annotations: { 'kubernetes.io/config.source': 'file' } };
const CRITICAL = 2_000_000_000;

function requiring(matchExpressions: readonly { key: string; operator: string; values?: string[] }[]) {
  const nodeSelectorTerms = [{ matchExpressions }];
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  };
}

interface Row {
  readonly name: string;
  readonly input: Partial<AdmissionInput>;
  /** Reason and message of the rejection, `admitted`, or `short`. */
  readonly expected: 'admitted' | 'short' | readonly [string, string];
}

const rows: readonly Row[] = [
  { name: 'takes a pod that asks for nothing', input: {}, expected: 'admitted' },
  {
    name: 'counts pods',
    input: { others: [makePod(), makePod(), makePod()] },
    expected: ['OutOfpods', "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"],
  },
  {
    name: 'counts cpu in thousandths, with what others have',
    input: { pod: makePod(asking({ cpu: '1500m' })), others: [makePod(asking({ cpu: '1' }))] },
    expected: [
      'OutOfcpu',
      "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
    ],
  },
  {
    name: 'counts memory in bytes',
    input: { pod: makePod(asking({ memory: '2Gi' })) },
    expected: [
      'OutOfmemory',
      "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
  },
  {
    name: 'takes a limit for the request that is missing',
    input: {
      pod: makePod({ containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '3' } } }] }),
    },
    expected: ['OutOfcpu', "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"],
  },
  {
    name: 'takes what the pod asks for as a whole',
    input: { pod: makePod({ ...asking({ cpu: '1' }), resources: { requests: { cpu: '3' } } }) },
    expected: ['OutOfcpu', "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"],
  },
  {
    name: 'counts ephemeral storage',
    input: { pod: makePod(asking({ 'ephemeral-storage': '2Gi' })) },
    expected: [
      'OutOfephemeral-storage',
      "Node didn't have enough resource: ephemeral-storage, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
  },
  {
    name: 'counts extended resources that the node has',
    input: { pod: makePod(asking({ 'x.io/gpu': '2' })) },
    expected: [
      'OutOfx.io/gpu',
      "Node didn't have enough resource: x.io/gpu, requested: 2, used: 0, capacity: 1",
    ],
  },
  {
    name: 'lets pass extended resources that the node knows nothing of',
    input: { pod: makePod(asking({ 'y.io/cluster-wide': '2' })) },
    expected: 'admitted',
  },
  {
    name: 'takes the largest init container for the sum when that is more',
    input: {
      pod: makePod({
        initContainers: [{ name: 'i', image: 'i', resources: { requests: { cpu: '3' } } }],
      }),
    },
    expected: ['OutOfcpu', "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"],
  },
  {
    name: 'lets a critical pod that lacks only room ask others to go',
    input: { pod: makePod({ ...asking({ cpu: '3' }), priority: CRITICAL }) },
    expected: 'short',
  },
  {
    name: 'rejects a critical pod for what preemption does not mend',
    input: { pod: makePod({ ...asking({ cpu: '3' }), priority: CRITICAL, nodeSelector: { disk: 'tape' } }) },
    expected: [
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
  },
  {
    name: 'rejects a nodeSelector that does not match',
    input: { pod: makePod({ nodeSelector: { disk: 'tape' } }) },
    expected: [
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
  },
  {
    name: 'takes required affinity that matches',
    input: {
      pod: makePod(
        requiring([
          { key: 'disk', operator: 'In', values: ['ssd', 'nvme'] },
          { key: 'size', operator: 'Gt', values: ['2'] },
          { key: 'size', operator: 'Lt', values: ['4'] },
          { key: 'tape', operator: 'DoesNotExist' },
          { key: 'disk', operator: 'Exists' },
          { key: 'disk', operator: 'NotIn', values: ['tape'] },
        ]),
      ),
    },
    expected: 'admitted',
  },
  {
    name: 'rejects required affinity that does not match',
    input: { pod: makePod(requiring([{ key: 'disk', operator: 'NotIn', values: ['ssd'] }])) },
    expected: [
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
  },
  {
    name: 'rejects an empty affinity term',
    input: { pod: makePod(requiring([])) },
    expected: [
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
  },
  {
    name: 'rejects a pod of another node',
    input: { pod: makePod({ nodeName: 'node-2' }) },
    expected: ['NodeName', "Predicate NodeName failed: node(s) didn't match the requested node name"],
  },
  {
    name: 'rejects a host port that another pod has',
    input: { pod: makePod(withPort(8080)), others: [makePod(withPort(8080, { hostIP: '127.0.0.1' }))] },
    expected: [
      'NodePorts',
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ],
  },
  {
    name: 'takes the same host port of another protocol or address',
    input: {
      pod: makePod(withPort(8080, { hostIP: '127.0.0.2' })),
      others: [
        makePod(withPort(8080, { hostIP: '127.0.0.1' })),
        makePod(withPort(8080, { protocol: 'UDP' })),
      ],
    },
    expected: 'admitted',
  },
  {
    name: 'rejects for a NoExecute taint',
    input: { node: TAINTED },
    expected: [
      'TaintToleration',
      "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    ],
  },
  {
    name: 'leaves NoSchedule taints to the scheduler',
    input: { node: { ...NODE, spec: { taints: [{ ...TAINT, effect: 'NoSchedule' }] } } },
    expected: 'admitted',
  },
  {
    name: 'takes a pod that tolerates',
    input: {
      node: TAINTED,
      pod: makePod({
        tolerations: [{ key: 'broken', operator: 'Equal', value: 'yes', effect: 'NoExecute' }],
      }),
    },
    expected: 'admitted',
  },
  {
    name: 'asks no static pod about taints',
    input: { node: TAINTED, pod: makePod({}, STATIC) },
    expected: 'admitted',
  },
  {
    name: 'rejects a sysctl that is not on the list',
    input: { pod: makePod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }) },
    expected: ['SysctlForbidden', 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
  },
  {
    name: 'takes an unsafe sysctl that the node allows, also with slashes',
    input: {
      allowedUnsafeSysctls: ['kernel.msg*', 'net.ipv4.conf.*'],
      pod: makePod({
        securityContext: {
          sysctls: [
            { name: 'kernel/msgmax', value: '1' },
            { name: 'net/ipv4/conf/eth0.1/arp_filter', value: '1' },
          ],
        },
      }),
    },
    expected: 'admitted',
  },
  {
    name: "rejects a sysctl of a namespace that is the host's",
    input: {
      pod: makePod({
        hostNetwork: true,
        securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] },
      }),
    },
    expected: [
      'SysctlForbidden',
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
    ],
  },
  {
    name: 'rejects another operating system by field',
    input: { pod: makePod({ os: { name: 'windows' } }) },
    expected: ['PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS"],
  },
  {
    name: 'rejects another operating system by label',
    input: { pod: makePod({}, { labels: { 'kubernetes.io/os': 'windows' } }) },
    expected: [
      'PodOSSelectorNodeLabelDoesNotMatch',
      "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    ],
  },
  {
    name: 'rejects an AppArmor profile where the kernel has none',
    input: {
      isAppArmorEnabled: false,
      pod: makePod({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
    },
    expected: ['AppArmor', 'Cannot enforce AppArmor: AppArmor is not enabled on the host'],
  },
  {
    name: 'names the first of several reasons',
    input: { node: TAINTED, pod: makePod({ ...asking({ cpu: '3' }), nodeSelector: { disk: 'tape' } }) },
    expected: ['OutOfcpu', "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"],
  },
];

for (const { name, input, expected } of rows) {
  t.test(`planAdmission() ${name}`, async t => {
    const base = {
      pod: makePod(),
      others: [],
      node: NODE,
      allowedUnsafeSysctls: [],
      isAppArmorEnabled: true,
    };
    const verdict = planAdmission({ ...base, ...input });
    if (typeof expected === 'string') t.equal(verdict.kind, expected);
    else {
      const [reason, message] = expected;
      t.match(verdict, { kind: 'rejected', rejection: { reason, message } });
    }
  });
}
