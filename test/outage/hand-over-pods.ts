// The pods that change hands: each has something else that a new agent could get wrong.
import type { Container, PodSpec } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { obedient } from '../support/cluster.ts';

type Spec = Omit<Partial<PodSpec>, 'containers'> & { readonly containers: readonly Partial<Container>[] };

const EXEC_TRUE = { exec: { command: ['true'] }, periodSeconds: 2 } as const;
export const MOUNT = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };

function web(more: Partial<Container> = {}): Partial<Container> {
  return { name: 'main', image: IMAGES.web, command: ['/web'], ...more };
}

function mounting(volume: object, more: Partial<PodSpec> = {}): Spec {
  // The kind of volume is the caller's.
  const volumes = [{ name: 'data', ...volume }] as PodSpec['volumes'];
  return { ...more, containers: [{ ...obedient(), ...MOUNT }], ...(volumes ? { volumes } : {}) };
}

function limits(cpu: string, memory: string): Partial<Container> {
  return { resources: { requests: { cpu, memory }, limits: { cpu, memory } } };
}

/** These run and are Ready for as long as nobody touches them. */
export const RUNNING: Readonly<Record<string, Spec>> = {
  plain: { containers: [obedient()] },
  'web-1': {
    containers: [web({ readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } })],
  },
  'web-2': {
    containers: [
      web({
        livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
        readinessProbe: { httpGet: { path: '/', port: 8080 }, initialDelaySeconds: 2, periodSeconds: 2 },
        startupProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
      }),
    ],
  },
  'host-port': { containers: [web({ ports: [{ containerPort: 8080, hostPort: 18_080 }] })] },
  'host-network': { hostNetwork: true, containers: [obedient()] },
  guaranteed: { containers: [{ ...obedient(), ...limits('50m', '32Mi') }] },
  burstable: { containers: [{ ...obedient(), resources: { requests: { cpu: '10m', memory: '16Mi' } } }] },
  'config-map': mounting({ configMap: { name: 'settings' } }),
  secret: mounting({ secret: { secretName: 'creds', defaultMode: 0o400 } }),
  downward: mounting({
    downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] },
  }),
  memory: mounting({ emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } }),
  disk: mounting({ emptyDir: {} }, { securityContext: { fsGroup: 4242 } }),
  'host-path': mounting({ hostPath: { path: '/opt/hand-over', type: 'DirectoryOrCreate' } }),
  claim: mounting({ persistentVolumeClaim: { claimName: 'data' } }),
  'sub-path': {
    containers: [
      {
        ...obedient(),
        volumeMounts: [
          { name: 'data', mountPath: '/etc/color', subPath: 'color' },
          { name: 'state', mountPath: '/state', subPath: 'a/b' },
        ],
      },
    ],
    volumes: [
      { name: 'data', configMap: { name: 'settings' } },
      { name: 'state', emptyDir: {} },
    ],
  },
  environment: {
    containers: [
      {
        ...obedient(),
        envFrom: [{ configMapRef: { name: 'settings' } }],
        env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
      },
    ],
  },
  sidecar: {
    initContainers: [
      { ...obedient('side'), restartPolicy: 'Always', startupProbe: EXEC_TRUE, readinessProbe: EXEC_TRUE },
      { ...obedient('prepare'), command: ['true'] },
    ],
    containers: [obedient()],
  },
  several: {
    hostAliases: [{ ip: '10.1.2.3', hostnames: ['away.example'] }],
    shareProcessNamespace: true,
    containers: [obedient('one'), { ...obedient('two'), livenessProbe: EXEC_TRUE }],
  },
  secured: {
    securityContext: { runAsUser: 10_000, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ ...obedient(), securityContext: { capabilities: { drop: ['ALL'] } } }],
  },
};

/** These have ended and must not begin again. */
export const ENDED: Readonly<Record<string, Spec>> = {
  succeeded: { restartPolicy: 'Never', containers: [{ ...obedient(), command: ['true'] }] },
  failed: { restartPolicy: 'Never', containers: [{ ...obedient(), command: ['false'] }] },
};
