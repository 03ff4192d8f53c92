// Faults of every kind a user causes: `nodelet explain pod` names the true one, and at once.
import { request } from 'node:http';
import t from 'tap';
import type { Container, Pod, PodSpec } from '../../agent/api/objects.ts';
import type { PodExplanation } from '../../agent/explain/explanation.ts';
import { LOCAL_SOCKET } from '../../agent/explain/local-paths.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { script, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const ANSWER_MAX_MS = 1000;
const DEADLINE_MS = 60_000;

interface Fault {
  readonly name: string;
  readonly spec: Omit<Partial<PodSpec>, 'containers'>;
  readonly container: Partial<Container>;
  readonly metadata?: object;
  readonly step: string;
  readonly reason: RegExp;
  readonly message: RegExp;
}

const SLEEP = { command: ['sleep', '1000000'] } as const;
const APP = 'container main';

function mounting(volume: object): Pick<Fault, 'spec' | 'container'> {
  return {
    spec: { volumes: [{ name: 'v', ...volume }] },
    container: { ...SLEEP, volumeMounts: [{ name: 'v', mountPath: '/v' }] },
  };
}

function fault(
  name: string,
  container: Partial<Container>,
  expected: Pick<Fault, 'step' | 'reason' | 'message'>,
  spec: Fault['spec'] = {},
  metadata: object = {},
): Fault {
  return { name, spec, container, metadata, ...expected };
}

const mountFault = (name: string, volume: object, message: RegExp): Fault => ({
  name,
  ...mounting(volume),
  step: 'volumes',
  reason: /FailedMount/,
  message,
});

const FAULTS: readonly Fault[] = [
  mountFault('config-map-missing', { configMap: { name: 'nothere' } }, /configmap "nothere" not found/),
  mountFault('secret-missing', { secret: { secretName: 'nothere' } }, /secret "nothere" not found/),
  mountFault(
    'config-map-key-missing',
    { configMap: { name: 'present', items: [{ key: 'absent', path: 'x' }] } },
    /absent/,
  ),
  mountFault(
    'host-path-missing',
    { hostPath: { path: '/nothere', type: 'Directory' } },
    /hostPath type check failed/,
  ),
  mountFault('host-path-no-file', { hostPath: { path: '/etc', type: 'File' } }, /hostPath type check failed/),
  mountFault(
    'projected-missing',
    { projected: { sources: [{ secret: { name: 'gone' } }] } },
    /secret "gone" not found/,
  ),
  fault(
    'image-not-there',
    { image: 'registry.k8s.io/nothere:1' },
    { step: APP, reason: /ErrImagePull|ImagePullBackOff/, message: /nothere:1.*(resolve|lookup|dial)/s },
  ),
  fault(
    'image-never-pulled',
    { image: 'registry.k8s.io/nothere:1', imagePullPolicy: 'Never' },
    { step: APP, reason: /ErrImageNeverPull/, message: /nothere:1/ },
  ),
  fault(
    'image-name-invalid',
    { image: 'Not A Name' },
    { step: APP, reason: /InvalidImageName/, message: /Not A Name/ },
  ),
  fault(
    'env-config-map-missing',
    { ...SLEEP, env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'nothere', key: 'a' } } }] },
    { step: APP, reason: /CreateContainerConfigError/, message: /configmap "nothere" not found/ },
  ),
  fault(
    'env-key-missing',
    { ...SLEEP, env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'present', key: 'absent' } } }] },
    { step: APP, reason: /CreateContainerConfigError/, message: /couldn't find key absent in ConfigMap/ },
  ),
  fault(
    'env-from-secret-missing',
    { ...SLEEP, envFrom: [{ secretRef: { name: 'nothere' } }] },
    { step: APP, reason: /CreateContainerConfigError/, message: /secret "nothere" not found/ },
  ),
  fault(
    'runs-as-root',
    { ...SLEEP, securityContext: { runAsNonRoot: true } },
    { step: APP, reason: /CreateContainerConfigError/, message: /runAsNonRoot.*root/ },
  ),
  fault(
    'command-not-there',
    { command: ['/nothere'] },
    { step: APP, reason: /RunContainerError|CrashLoopBackOff|StartError/, message: /nothere|StartError/ },
  ),
  fault('crash', script('echo database is missing >/dev/termination-log; exit 3'), {
    step: APP,
    reason: /CrashLoopBackOff|Error/,
    message: /exit code 3 .*database is missing/,
  }),
  fault(
    'crash-for-good',
    script('exit 4'),
    { step: APP, reason: /Error/, message: /exit code 4/ },
    { restartPolicy: 'Never' },
  ),
  fault('out-of-memory', script('exec tail /dev/zero', { resources: { limits: { memory: '16Mi' } } }), {
    step: APP,
    reason: /CrashLoopBackOff|OOMKilled/,
    message: /137 \(OOMKilled\)/,
  }),
  fault(
    'never-ready',
    { ...SLEEP, readinessProbe: { httpGet: { port: 81 }, periodSeconds: 1 } },
    { step: APP, reason: /Unhealthy/, message: /Readiness probe failed: .*81.*connection refused/ },
  ),
  fault(
    'never-started',
    {
      ...SLEEP,
      startupProbe: { exec: { command: ['cat', '/started'] }, periodSeconds: 1, failureThreshold: 1000 },
    },
    { step: APP, reason: /Unhealthy/, message: /Startup probe failed: .*\/started/ },
  ),
  fault(
    'not-alive',
    {
      ...SLEEP,
      livenessProbe: {
        exec: { command: ['cat', '/alive'] },
        periodSeconds: 1,
        failureThreshold: 1,
        terminationGracePeriodSeconds: 1,
      },
    },
    { step: APP, reason: /CrashLoopBackOff|Error/, message: /Liveness probe failed: .*\/alive/ },
  ),
  fault(
    'init-fails',
    SLEEP,
    { step: 'init container init', reason: /CrashLoopBackOff|Error/, message: /init ended with exit code 5/ },
    { initContainers: [{ name: 'init', image: IMAGES.busybox, command: ['sh', '-c', 'exit 5'] }] },
  ),
  fault(
    'init-hangs',
    SLEEP,
    { step: 'init container init', reason: /PodInitializing/, message: /init has been running for/ },
    { initContainers: [{ name: 'init', image: IMAGES.busybox, ...SLEEP }] },
  ),
  fault(
    'gate-closed',
    SLEEP,
    { step: 'ready', reason: /ReadinessGatesNotReady/, message: /example\.com\/gate/ },
    { readinessGates: [{ conditionType: 'example.com/gate' }] },
  ),
  fault(
    'node-affinity',
    SLEEP,
    { step: 'admitted', reason: /NodeAffinity/, message: /node affinity|selector/ },
    { nodeSelector: { nowhere: 'true' } },
  ),
  fault(
    'too-large',
    { ...SLEEP, resources: { requests: { cpu: '1000' } } },
    { step: 'admitted', reason: /OutOfcpu/, message: /cpu/ },
  ),
  fault(
    'sysctl-forbidden',
    SLEEP,
    { step: 'admitted', reason: /SysctlForbidden/, message: /kernel\.msgmax/ },
    { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '65536' }] } },
  ),
  fault(
    'past-deadline',
    SLEEP,
    { step: 'terminated', reason: /DeadlineExceeded/, message: /active on the node longer/ },
    { activeDeadlineSeconds: 1 },
  ),
  fault(
    'post-start-fails',
    { ...SLEEP, lifecycle: { postStart: { exec: { command: ['false'] } } } },
    {
      step: APP,
      reason: /PostStartHookError|CrashLoopBackOff|Error/,
      message: /lifecycle hook \(\[false\]\).*exited with 1/,
    },
  ),
];

const cluster = await useCluster(t);
const view = await cluster.node();
const socketPath = await view.node.pathFromHost(LOCAL_SOCKET);

t.setTimeout(180_000);

await cluster.create('configmaps', 'present', { data: { a: '1' } });
// All at once: a node with one broken pod is not what people have.
const pods = new Map<string, Pod>();
for (const { name, spec, container, metadata } of FAULTS) {
  pods.set(name, await cluster.createPod(name, { ...spec, containers: [container] }, metadata));
}

for (const { name, step, reason, message } of FAULTS) {
  await t.test(`explain names the fault: ${name}`, async t => {
    const { explanation, tookMs } = await untilExplained(name, found => {
      const { blocker } = found;
      return blocker?.step === step && reason.test(blocker.reason) && message.test(blocker.message);
    });
    t.ok(tookMs < ANSWER_MAX_MS, `answered in ${Math.round(tookMs)} ms`);
    t.equal(explanation.uid, uidOf(pods.get(name) ?? { metadata: { name }, spec: { containers: [] } }));
    t.equal(explanation.steps[0]?.name, 'scheduled');
  });
}

await t.test('explain says why a deleted pod stays: a finalizer, a container that does not end', async t => {
  await cluster.createPod(
    'kept',
    { containers: [script('sleep 1000000')] },
    { finalizers: ['example.com/keep'] },
  );
  await cluster.createPod('slow', {
    terminationGracePeriodSeconds: 600,
    containers: [script('trap "" TERM; while :; do sleep 1; done')],
  });
  await Promise.all(['kept', 'slow'].map(async name => await cluster.untilRunning(name)));
  await cluster.deletePod('kept', 1);
  await cluster.deletePod('slow', 600);
  t.teardown(
    async () =>
      await cluster.kubectl('patch', 'pod', 'kept', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'),
  );
  await untilExplained(
    'slow',
    ({ blocker }) => blocker?.reason === 'Killing' && /main/.test(blocker.message),
  );
  await untilExplained(
    'kept',
    ({ blocker }) => blocker?.reason === 'Finalizers' && /example\.com\/keep/.test(blocker.message),
  );
});

await t.test('the Event and the log have the same words', async t => {
  const pod = pods.get('secret-missing');
  const { explanation } = await untilExplained('secret-missing', ({ blocker }) => blocker !== undefined);
  const text = explanation.blocker?.message ?? '';
  t.match(text, /MountVolume\.SetUp failed for volume "v" : /);
  if (pod) await cluster.untilEvent(pod, 'FailedMount', text);
  t.ok((await view.node.agent.readLog()).includes(JSON.stringify(text).slice(1, -1)));
});

interface Explained {
  readonly explanation: PodExplanation;
  readonly tookMs: number;
}

async function untilExplained(
  name: string,
  isExpected: (explanation: PodExplanation) => boolean,
): Promise<Explained> {
  let last: PodExplanation | undefined;
  try {
    return await waitFor(
      name,
      async () => {
        const startedAtMs = performance.now();
        last = await ask(name);
        const tookMs = performance.now() - startedAtMs;
        return isExpected(last) && { explanation: last, tookMs };
      },
      { deadlineMs: DEADLINE_MS, pollMs: 200 },
    );
  } catch (error) {
    throw new Error(`pod ${name} is not explained: ${JSON.stringify(last, null, 1)}`, { cause: error });
  }
}

function ask(name: string): Promise<PodExplanation> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path: `/pods/${cluster.namespace}/${name}` }, response => {
      let text = '';
      response.on('data', chunk => {
        text += String(chunk);
      });
      response.on('end', () => resolve(JSON.parse(text) as PodExplanation)); // the agent's own form
    });
    asking.on('error', reject).end();
  });
}
