import t from 'tap';
import { buildStaticPod } from './build-static-pod.ts';

const ORIGIN = { source: 'file', nodeName: 'Node-1', hash: 'abc' } as const;

function manifest(spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', ...metadata },
    spec: { containers: [{ name: 'c', image: 'web:1' }], ...spec },
  };
}

t.test("buildStaticPod() gives the kubelet's names, marks and defaults", async t => {
  t.match(buildStaticPod(manifest(), ORIGIN), {
    kind: 'ok',
    pod: {
      metadata: {
        name: 'web-node-1',
        namespace: 'default',
        uid: 'abc',
        annotations: { 'kubernetes.io/config.hash': 'abc' },
      },
      spec: {
        nodeName: 'Node-1',
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
        containers: [{ imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log' }],
      },
    },
  });
});

t.test('buildStaticPod() keeps what the manifest says itself', async t => {
  const limits = { cpu: '1' };
  const spec = {
    restartPolicy: 'Never',
    hostNetwork: true,
    containers: [
      { name: 'c', image: 'web', resources: { limits }, ports: [{ containerPort: 80 }], livenessProbe: {} },
    ],
  };
  const outcome = buildStaticPod(manifest(spec, { uid: 'own', namespace: 'kube-system' }), {
    ...ORIGIN,
    source: 'http',
  });
  t.match(outcome, {
    pod: {
      metadata: { uid: 'own', namespace: 'kube-system' },
      spec: {
        restartPolicy: 'Never',
        containers: [
          {
            imagePullPolicy: 'Always',
            resources: { limits, requests: limits },
            ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
            livenessProbe: { periodSeconds: 10, failureThreshold: 3 },
          },
        ],
      },
    },
  });
  t.notMatch(outcome, { pod: { spec: { tolerations: Array } } }, 'the toleration is for files');
});

t.test('buildStaticPod() takes what is left empty for not given', async t => {
  const probe = { periodSeconds: 0, initialDelaySeconds: 0, tcpSocket: { port: 80 } };
  const spec = {
    restartPolicy: '',
    dnsPolicy: null,
    containers: [{ name: 'c', image: 'web:1', imagePullPolicy: '', ports: null, livenessProbe: probe }],
  };
  t.match(buildStaticPod(manifest(spec), ORIGIN), {
    pod: {
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        containers: [
          {
            imagePullPolicy: 'IfNotPresent',
            ports: undefined,
            livenessProbe: { periodSeconds: 10, tcpSocket: { port: 80 } },
          },
        ],
      },
    },
  });
});

const container = { name: 'c', image: 'web:1' };
const fromSecret = { name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } };
const refusals: Readonly<Record<string, readonly [unknown, string]>> = {
  nothing: [undefined, 'expected one Pod object'],
  'a list': [[], 'expected one Pod object'],
  'another kind': [
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    'expected apiVersion v1 and kind Pod, got apps/v1 and Deployment',
  ],
  'no name': [manifest({}, { name: '' }), 'invalid pod: name is needed for the pod'],
  'a name in capitals': [
    manifest({}, { name: 'Web' }),
    'metadata.name: Web is no DNS subdomain in lower case',
  ],
  'a UID that leads elsewhere': [
    manifest({}, { name: 'web', uid: '../../..' }),
    'metadata.uid: "../../.." cannot be the name of the pod\'s directories',
  ],
  'a volume whose name leads elsewhere': [
    manifest({ volumes: [{ name: '../etc', emptyDir: {} }] }),
    'spec.volumes[0].name: a DNS label in lower case is required',
  ],
  'no containers': [manifest({ containers: [] }), 'spec.containers: at least one is required'],
  'two containers of a name': [
    manifest({ containers: [container, container] }),
    'spec.containers[1].name: c is there twice',
  ],
  'no image': [manifest({ containers: [{ name: 'c' }] }), 'spec.containers[0].image: required'],
  'a mount of nothing': [
    manifest({ containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/v' }] }] }),
    'spec.containers[0].volumeMounts: there is no volume v',
  ],
  'a command that is no list': [
    manifest({ containers: [{ ...container, command: 'sleep 1' }] }),
    'spec.containers[0].command: expected a list of strings, got "sleep 1"',
  ],
  'a variable that is a number': [
    manifest({
      initContainers: [{ ...container, name: 'i', env: [{ name: 'A' }, { name: 'PORT', value: 80 }] }],
    }),
    'spec.initContainers[0].env[1].value: expected a string, got 80',
  ],
  'an unknown policy': [
    manifest({ restartPolicy: 'Sometimes' }),
    'spec.restartPolicy: expected one of Always, OnFailure, Never, got "Sometimes"',
  ],
  'a port without its number': [
    manifest({ containers: [{ ...container, ports: [{ hostPort: 80 }] }] }),
    'spec.containers[0].ports[0].containerPort: required',
  ],
  'a port beyond all ports': [
    manifest({ containers: [{ ...container, ports: [{ containerPort: 70_000 }] }] }),
    'spec.containers[0].ports[0].containerPort: expected a whole number from 1 to 65535, got 70000',
  ],
  'an amount that is none': [
    manifest({ containers: [{ ...container, resources: { limits: { memory: 'much' } } }] }),
    'spec.containers[0].resources.limits: expected a map of quantities like 100m or 64Mi, got {"memory":"much"}',
  ],
  'a probe that never comes': [
    manifest({ containers: [{ ...container, livenessProbe: { periodSeconds: -1 } }] }),
    'spec.containers[0].livenessProbe.periodSeconds: expected a whole number from 0 on, got -1',
  ],
  'labels that are no texts': [
    manifest({}, { labels: { app: 1 } }),
    'metadata.labels: expected a map of strings, got {"app":1}',
  ],
  'a service account': [
    manifest({ serviceAccountName: 'a' }),
    'static pods may not reference serviceaccounts',
  ],
  'a secret in the environment': [
    manifest({ containers: [{ ...container, env: [fromSecret] }] }),
    'static pods may not reference secrets',
  ],
  'a projected token': [
    manifest({ volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: {} }] } }] }),
    'static pods may not reference serviceaccounts (via projected volumes)',
  ],
  'a claim': [
    manifest({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
    'static pods may not reference persistentvolumeclaims',
  ],
};

for (const [name, [given, message]] of Object.entries(refusals)) {
  t.test(`buildStaticPod() refuses ${name}`, async t => {
    t.same(buildStaticPod(given, ORIGIN), { kind: 'refused', message });
  });
}
