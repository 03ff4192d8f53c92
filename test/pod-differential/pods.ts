// The pods that both nodes run, and when each of them has come to rest.
import type { Container, Pod, PodSpec } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';

export interface ComparedPod {
  readonly name: string;
  readonly spec: Omit<Partial<PodSpec>, 'containers'> & {
    readonly containers: readonly Partial<Container>[];
  };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly isAtRest: (pod: Pod) => boolean;
}

const NEVER = { restartPolicy: 'Never' } as const;
const SERVE = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';
const STATE = { volumes: [{ name: 'state', emptyDir: {} }] };
const STATE_MOUNT = { volumeMounts: [{ name: 'state', mountPath: '/state' }] };
/** The first run takes one way, every later one another. */
const onSecondRun = (first: string, later: string): string =>
  `test -e /state/ran && { ${later}; }; touch /state/ran; ${first}`;

function sh(text: string, more: Partial<Container> = {}): Container {
  return { name: 'main', image: IMAGES.busybox, command: ['sh', '-c', text], ...more };
}

/** What a process sees, as its termination message. */
function tell(text: string, more: Partial<Container> = {}): Container {
  return sh(`{ ${text}; } > /dev/termination-log 2>&1`, more);
}

function phase(wanted: string): (pod: Pod) => boolean {
  return ({ status }) => status?.phase === wanted;
}

function waiting(reason: string, restarts = 0): (pod: Pod) => boolean {
  return ({ status }) =>
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(
      ({ state, restartCount }) => state.waiting?.reason === reason && restartCount === restarts,
    );
}

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

const isRunning = ({ status }: Pod): boolean =>
  status?.containerStatuses?.every(({ state }) => state.running) === true;

const hasRestarted = (pod: Pod): boolean =>
  isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1;

const isAccepted = ({ status }: Pod): boolean => (status?.containerStatuses?.length ?? 0) > 0;

const exec = (...command: string[]) => ({ exec: { command } });

// Whoever is slow for a moment must not look as if the probe had failed; and who ends first has nothing more to say.
const PATIENT = { timeoutSeconds: 15 } as const;
const LONG_GRACE = { terminationGracePeriodSeconds: 60 } as const;

const CRASHES: readonly ComparedPod[] = [
  { name: 'completed', spec: { ...NEVER, containers: [sh('exit 0')] }, isAtRest: phase('Succeeded') },
  { name: 'failed', spec: { ...NEVER, containers: [sh('exit 42')] }, isAtRest: phase('Failed') },
  {
    name: 'signalled',
    spec: { ...NEVER, containers: [sh('sleep 100 & kill -9 $!; wait $!')] },
    isAtRest: phase('Failed'),
  },
  {
    name: 'on-failure',
    spec: {
      restartPolicy: 'OnFailure',
      ...STATE,
      containers: [sh(onSecondRun('exit 1', 'exit 0'), STATE_MOUNT)],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'crashing',
    spec: { containers: [sh('sleep 1; exit 3')] },
    isAtRest: waiting('CrashLoopBackOff', 1),
  },
  { name: 'ending', spec: { containers: [sh('sleep 1; exit 0')] }, isAtRest: waiting('CrashLoopBackOff', 1) },
  {
    name: 'several',
    spec: {
      containers: [
        sh(SERVE, { name: 'zebra' }),
        sh('sleep 1; exit 5', { name: 'crash' }),
        sh(SERVE, { name: 'ant' }),
      ],
    },
    isAtRest: waiting('CrashLoopBackOff', 1),
  },
  {
    name: 'some-end',
    spec: { ...NEVER, containers: [sh(SERVE, { name: 'serve' }), sh('exit 7', { name: 'end' })] },
    isAtRest: ({ status }) => status?.containerStatuses?.some(({ state }) => state.terminated) === true,
  },
  {
    name: 'rules-restart',
    spec: {
      ...NEVER,
      ...STATE,
      containers: [
        sh(onSecondRun('exit 42', 'exit 0'), {
          ...STATE_MOUNT,
          restartPolicy: 'Never',
          restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
        }),
      ],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'own-policy',
    spec: { containers: [sh('exit 9', { restartPolicy: 'Never' })] },
    isAtRest: phase('Failed'),
  },
  {
    name: 'deadline',
    spec: { activeDeadlineSeconds: 15, containers: [sh(SERVE)] },
    isAtRest: phase('Failed'),
  },
  {
    name: 'oom',
    spec: {
      ...NEVER,
      containers: [sh('exec tail /dev/zero', { resources: { limits: { memory: '24Mi' } } })],
    },
    isAtRest: phase('Failed'),
  },
];

const MESSAGES: readonly ComparedPod[] = [
  { name: 'message', spec: { ...NEVER, containers: [tell('echo -n DONE')] }, isAtRest: phase('Succeeded') },
  {
    name: 'message-path',
    spec: {
      ...NEVER,
      securityContext: { runAsUser: 10_000 },
      containers: [sh('echo -n DONE > /dev/other-log', { terminationMessagePath: '/dev/other-log' })],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'message-logs',
    spec: {
      ...NEVER,
      containers: [
        sh('for i in $(seq 100); do echo line $i; done; exit 1', {
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
      ],
    },
    isAtRest: phase('Failed'),
  },
  {
    name: 'message-long',
    spec: { ...NEVER, containers: [tell('seq 10000', {}), tell('seq 10000', { name: 'two' })] },
    isAtRest: phase('Succeeded'),
  },
];

const INIT: readonly ComparedPod[] = [
  {
    name: 'init',
    spec: {
      initContainers: [sh('exit 0', { name: 'one' }), sh('exit 0', { name: 'two' })],
      containers: [sh(SERVE)],
    },
    isAtRest: isReady,
  },
  {
    name: 'init-waiting',
    spec: {
      initContainers: [sh('sleep 1000', { name: 'one' }), sh('exit 0', { name: 'two' })],
      containers: [sh(SERVE)],
    },
    isAtRest: ({ status }) => status?.initContainerStatuses?.[0]?.state.running !== undefined,
  },
  {
    name: 'init-failed',
    spec: { ...NEVER, initContainers: [sh('exit 1', { name: 'one' })], containers: [sh(SERVE)] },
    isAtRest: phase('Failed'),
  },
  {
    name: 'init-crashing',
    spec: { initContainers: [sh('exit 1', { name: 'one' })], containers: [sh(SERVE)] },
    isAtRest: waiting('CrashLoopBackOff', 1),
  },
  {
    name: 'sidecar',
    spec: {
      initContainers: [
        sh(SERVE, {
          name: 'side',
          restartPolicy: 'Always',
          startupProbe: { ...exec('true'), ...PATIENT, periodSeconds: 1 },
        }),
        sh('exit 0', { name: 'two' }),
      ],
      containers: [sh(SERVE)],
    },
    isAtRest: isReady,
  },
  {
    name: 'sidecar-job',
    spec: {
      ...NEVER,
      initContainers: [sh(SERVE, { name: 'side', restartPolicy: 'Always' })],
      containers: [sh('sleep 1')],
    },
    isAtRest: phase('Succeeded'),
  },
];

const PROBES_AND_HOOKS: readonly ComparedPod[] = [
  {
    name: 'liveness',
    spec: {
      ...STATE,
      containers: [
        sh(onSecondRun(SERVE, `touch /state/well; ${SERVE}`), {
          ...STATE_MOUNT,
          livenessProbe: {
            ...exec('test', '-e', '/state/well'),
            ...PATIENT,
            periodSeconds: 1,
            failureThreshold: 2,
          },
        }),
      ],
    },
    isAtRest: hasRestarted,
  },
  {
    name: 'unready',
    spec: {
      containers: [
        sh(SERVE, {
          readinessProbe: { ...exec('sh', '-c', 'echo no; exit 1'), ...PATIENT, periodSeconds: 2 },
        }),
      ],
    },
    isAtRest: isRunning,
  },
  {
    name: 'startup',
    spec: {
      ...NEVER,
      containers: [
        sh('trap "exit 5" TERM; while :; do sleep 1 & wait $!; done', {
          startupProbe: { ...exec('false'), ...PATIENT, periodSeconds: 1, failureThreshold: 1 },
        }),
      ],
    },
    isAtRest: phase('Failed'),
  },
  {
    name: 'gate',
    spec: { readinessGates: [{ conditionType: 'example.com/gate' }], containers: [sh(SERVE)] },
    isAtRest: isRunning,
  },
  {
    name: 'network-probes',
    spec: {
      containers: [
        {
          name: 'main',
          image: IMAGES.web,
          command: ['/web'],
          readinessProbe: {
            httpGet: { path: '/', port: 8080 },
            ...PATIENT,
            initialDelaySeconds: 3,
            periodSeconds: 5,
          },
          livenessProbe: { tcpSocket: { port: 8080 }, ...PATIENT, initialDelaySeconds: 3, periodSeconds: 5 },
        },
      ],
    },
    isAtRest: isReady,
  },
  {
    name: 'http-refused',
    spec: {
      containers: [
        sh(SERVE, { readinessProbe: { httpGet: { path: '/', port: 81 }, ...PATIENT, periodSeconds: 2 } }),
      ],
    },
    isAtRest: isRunning,
  },
  {
    name: 'hooks',
    spec: {
      ...LONG_GRACE,
      containers: [
        sh(SERVE, { lifecycle: { postStart: exec('true'), preStop: exec('sh', '-c', 'echo no; exit 3') } }),
      ],
    },
    isAtRest: isReady,
  },
  {
    name: 'bad-post-start',
    spec: {
      containers: [
        sh(SERVE, { lifecycle: { postStart: exec('sh', '-c', 'echo out; echo err >&2; exit 3') } }),
      ],
    },
    isAtRest: waiting('CrashLoopBackOff', 1),
  },
];

const WRONG: readonly ComparedPod[] = [
  {
    name: 'no-image',
    spec: { containers: [{ name: 'main', image: '127.0.0.1:1/nobody/nothing:1' }] },
    isAtRest: waiting('ImagePullBackOff'),
  },
  {
    name: 'never-pull',
    spec: { containers: [{ name: 'main', image: 'docker.io/library/none:1', imagePullPolicy: 'Never' }] },
    isAtRest: waiting('ErrImageNeverPull'),
  },
  {
    name: 'bad-name',
    spec: { containers: [{ name: 'main', image: 'Not A/Valid:Name' }] },
    isAtRest: waiting('InvalidImageName'),
  },
  {
    name: 'no-command',
    spec: { ...NEVER, containers: [{ name: 'main', image: IMAGES.busybox, command: ['/does/not/exist'] }] },
    isAtRest: phase('Failed'),
  },
  {
    name: 'no-command-again',
    spec: { containers: [{ name: 'main', image: IMAGES.busybox, command: ['/does/not/exist'] }] },
    isAtRest: waiting('CrashLoopBackOff', 1),
  },
  {
    name: 'no-configmap',
    spec: {
      containers: [
        sh(SERVE, { env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'absent', key: 'x' } } }] }),
      ],
    },
    isAtRest: waiting('CreateContainerConfigError'),
  },
  {
    name: 'no-key',
    spec: {
      containers: [
        sh(SERVE, { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'creds', key: 'none' } } }] }),
      ],
    },
    isAtRest: waiting('CreateContainerConfigError'),
  },
  {
    name: 'no-volume',
    spec: {
      volumes: [{ name: 'v', secret: { secretName: 'absent' } }],
      containers: [sh(SERVE, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
    },
    isAtRest: isAccepted,
  },
  {
    name: 'non-root',
    spec: { containers: [sh(SERVE, { securityContext: { runAsNonRoot: true } })] },
    isAtRest: waiting('CreateContainerConfigError'),
  },
  {
    name: 'long-name',
    spec: {
      hostname: 'h'.repeat(60),
      subdomain: 'sub',
      setHostnameAsFQDN: true,
      containers: [sh(SERVE)],
    },
    isAtRest: isAccepted,
  },
  {
    name: 'no-handler',
    spec: { runtimeClassName: 'unconfigured', containers: [sh(SERVE)] },
    isAtRest: isAccepted,
  },
];

const CGROUP_FACTS =
  'cat /proc/self/oom_score_adj; cd /sys/fs/cgroup; grep . cpu/cpu.shares cpu/cpu.cfs_quota_us memory/memory.limit_in_bytes cpu.weight cpu.max memory.max; true';

const SURROUNDINGS: readonly ComparedPod[] = [
  { name: 'plain', spec: { containers: [sh(SERVE)] }, isAtRest: isReady },
  {
    name: 'guaranteed',
    spec: {
      ...NEVER,
      containers: [tell(CGROUP_FACTS, { resources: { limits: { cpu: '100m', memory: '32Mi' } } })],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'burstable',
    spec: {
      initContainers: [sh('exit 0', { name: 'init', resources: { requests: { cpu: '50m' } } })],
      containers: [
        sh(SERVE, { resources: { requests: { cpu: '20m', memory: '16Mi' }, limits: { memory: '64Mi' } } }),
        sh(SERVE, { name: 'free' }),
      ],
    },
    isAtRest: isReady,
  },
  {
    name: 'pod-resources',
    spec: {
      ...NEVER,
      resources: { requests: { cpu: '50m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } },
      containers: [tell(CGROUP_FACTS)],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'forbidden-sysctl',
    spec: {
      securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] },
      initContainers: [sh('true', { name: 'first' })],
      containers: [sh(SERVE)],
    },
    isAtRest: phase('Failed'),
  },
  {
    name: 'elsewhere',
    spec: { nodeSelector: { there: 'is-none' }, containers: [sh(SERVE)] },
    isAtRest: phase('Failed'),
  },
  {
    name: 'security',
    spec: {
      ...NEVER,
      securityContext: {
        runAsUser: 1000,
        runAsGroup: 3000,
        fsGroup: 2000,
        supplementalGroups: [4000],
        seccompProfile: { type: 'RuntimeDefault' },
        sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '80' }],
      },
      ...STATE,
      containers: [
        tell(
          'id; grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; touch /x; ls -ldn /state; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls /proc/acpi',
          {
            ...STATE_MOUNT,
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
            },
          },
        ),
      ],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'privileged',
    spec: {
      ...NEVER,
      hostIPC: true,
      shareProcessNamespace: true,
      containers: [
        tell('id; grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; ls /proc/acpi', {
          securityContext: { privileged: true },
        }),
      ],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'host-network',
    spec: { hostNetwork: true, hostPID: true, containers: [sh(SERVE)] },
    isAtRest: isReady,
  },
  {
    name: 'host-users',
    spec: { hostUsers: false, containers: [sh(SERVE)] },
    isAtRest: isAccepted,
  },
  {
    name: 'names',
    spec: {
      ...NEVER,
      hostname: 'the-host',
      subdomain: 'sub',
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['alias', 'other'] }],
      dnsConfig: {
        nameservers: ['192.0.2.1'],
        searches: ['one.example'],
        options: [{ name: 'timeout', value: '3' }],
      },
      containers: [tell('hostname; hostname -f; cat /etc/hosts; tr " " "\\n" < /etc/resolv.conf | sort')],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'override',
    spec: {
      ...NEVER,
      hostname: 'own',
      subdomain: 'sub',
      hostnameOverride: 'over.example',
      containers: [tell('hostname; tail -1 /etc/hosts')],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'resolver-limits',
    spec: {
      ...NEVER,
      dnsConfig: {
        nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
        searches: Array.from({ length: 31 }, (_, i) => `n${i}.example`),
      },
      containers: [tell('sort /etc/resolv.conf')],
    },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'environment',
    spec: {
      ...NEVER,
      containers: [
        tell('env | sort', {
          envFrom: [
            { prefix: 'CFG_', configMapRef: { name: 'settings' } },
            { secretRef: { name: 'none', optional: true } },
          ],
          env: [
            { name: 'FIRST', value: 'one' },
            { name: 'SECOND', value: '$(FIRST)-$(CFG_color)-$(LATER)-$$(FIRST)-$(WEB_SERVICE_HOST)' },
            { name: 'LATER', value: 'later' },
            { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'creds', key: 'password' } } },
            { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
            {
              name: 'MEMORY',
              valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Ki' } },
            },
            {
              name: 'DISK',
              valueFrom: { resourceFieldRef: { resource: 'limits.ephemeral-storage', divisor: '1Gi' } },
            },
          ],
          resources: { requests: { memory: '16Mi' }, limits: { memory: '32Mi' } },
        }),
      ],
    },
    annotations: { note: 'a "quoted" note' },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'no-links',
    spec: { ...NEVER, enableServiceLinks: false, containers: [tell('env | sort')] },
    isAtRest: phase('Succeeded'),
  },
  {
    name: 'mounts',
    spec: {
      ...NEVER,
      volumes: [
        { name: 'cfg', configMap: { name: 'settings' } },
        { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        {
          name: 'down',
          downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] },
        },
        { name: 'host', hostPath: { path: '/tmp' } },
      ],
      containers: [
        tell(
          'ls /cfg /down; stat -c "%a %u %g" /mem /cfg; grep -E " /(cfg|mem|down|host) " /proc/mounts | cut -d " " -f 2-4 | cut -c 1-12',
          {
            volumeMounts: [
              { name: 'cfg', mountPath: '/cfg', readOnly: true },
              { name: 'mem', mountPath: '/mem' },
              { name: 'down', mountPath: 'down' },
              { name: 'host', mountPath: '/host', readOnly: true, mountPropagation: 'None' },
            ],
          },
        ),
      ],
    },
    isAtRest: phase('Succeeded'),
  },
];

export const PODS: readonly ComparedPod[] = [
  ...CRASHES,
  ...MESSAGES,
  ...INIT,
  ...PROBES_AND_HOOKS,
  ...WRONG,
  ...SURROUNDINGS,
];
