import t from 'tap';
import type { Pod } from '../api/objects.ts';
import { buildNextCommand } from './build-next-command.ts';

const POD: Pod = {
  metadata: { name: 'web', namespace: 'shop', uid: '1-2' },
  spec: {
    nodeName: 'node-1',
    initContainers: [{ name: 'setup', image: 'setup:1' }],
    containers: [{ name: 'app', image: 'web:1' }],
  },
};

const APP = 'container app';

t.test('buildNextCommand() shows what is at the root', async t => {
  const cases: readonly (readonly [string, string, string, string | undefined])[] = [
    [
      'volumes',
      'FailedMount',
      'for volume "v": configmap "conf" not found',
      'kubectl get configmap conf -n shop -o yaml',
    ],
    [APP, 'CreateContainerConfigError', 'secret "key" not found', 'kubectl get secret key -n shop -o yaml'],
    [
      APP,
      'CreateContainerConfigError',
      "couldn't find key a in ConfigMap shop/conf",
      'kubectl get configmap conf -n shop -o yaml',
    ],
    [
      APP,
      'CrashLoopBackOff',
      'container app ended with exit code 3',
      'kubectl logs -n shop web -c app --previous',
    ],
    ['init container setup', 'PodInitializing', 'has been running', 'kubectl logs -n shop web -c setup'],
    ['init container setup', 'ErrImagePull', 'no such host', 'crictl pull setup:1'],
    [APP, 'Unhealthy', 'Readiness probe failed', 'kubectl logs -n shop web -c app'],
    ['admitted', 'OutOfcpu', 'Node did not have enough', 'kubectl describe node node-1'],
    ['sandbox', 'FailedCreatePodSandBox', 'no bridge', 'journalctl -u containerd -n 50'],
    ['terminated', 'FailedTearDown', 'busy', 'journalctl -u nodelet -g 1-2'],
    ['ready', 'ReadinessGatesNotReady', 'condition x', 'kubectl describe pod -n shop web'],
    ['terminated', 'DeadlineExceeded', 'Pod was active', undefined],
  ];
  for (const [step, reason, message, command] of cases) {
    t.equal(buildNextCommand(POD, { step, reason, message }), command, `${reason}: ${message}`);
  }
});

t.test('buildNextCommand() asks for the run before only where there may be one', async t => {
  const pod = { ...POD, spec: { ...POD.spec, restartPolicy: 'Never' } } as const;
  const blocker = { step: APP, reason: 'Error', message: 'container app ended with exit code 4' };
  t.equal(buildNextCommand(pod, blocker), 'kubectl logs -n shop web -c app');
});
