// One pod's whole life through a real containerd, on the host's network so that no CNI is needed.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { connectRuntime } from '../../agent/cri/connect.ts';
import { type ContainerdEvent, watchContainerdEvents } from '../../agent/cri/containerd-events.ts';
import { type CriEvent, watchCriEvents } from '../../agent/cri/cri-events.ts';
import { ConflictError, InvalidError, NotFoundError, UnavailableError } from '../../agent/lib/errors.ts';
import { nanosecondsToMs } from '../../agent/lib/nanoseconds.ts';
import type { ContainerConfig, PodSandboxConfig } from '../../cri-proto/runtime.v1.ts';
import { waitFor } from '../support/wait-for.ts';
import { type IsolatedContainerd, startIsolatedContainerd } from './isolated-containerd.ts';
import type { TinyImage } from './tiny-image.ts';

const BUSYBOX: TinyImage = { name: 'nodelet.test/busybox:1', command: ['/bin/sh'] };
const POD_UID = '6f1c9a52-0000-4000-8000-000000000001';
const ABSENT_ID = 'f'.repeat(64);
const EVENT_DEADLINE_MS = 15_000;
const OBEYS_SIGTERM = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done';

const containerd = await startIsolatedContainerd();
t.teardown(() => containerd.stop());
await containerd.importImage(BUSYBOX);
const connection = connectRuntime({ runtimeEndpoint: containerd.endpoint });
const { runtime, images } = connection;
t.teardown(() => connection.close());
const stopping = new AbortController();
const { signal } = stopping;
const options = { signal };

const version = await runtime.version(options);
t.comment(`${version.runtimeName} ${version.runtimeVersion}`);
const sandboxConfig = buildSandboxConfig(containerd);

t.test('the runtime says what it is', async t => {
  t.match(version, { runtimeName: 'containerd', runtimeApiVersion: 'v1' });
  const { status, info } = await runtime.status({ signal, verbose: true });
  const ready = status?.conditions.find(({ type }) => type === 'RuntimeReady');
  t.match(ready, { status: true });
  t.match(
    status?.conditions.find(({ type }) => type === 'NetworkReady'),
    { status: false },
  );
  t.ok(info['config'], 'verbose tells the configuration');
});

t.test('images are listed, found, and missing without an error', async t => {
  // An import reaches the CRI's own list by an event.
  await waitFor('the image to be listed', async () =>
    (await images.listImages(options)).some(image => image.repoTags.includes(BUSYBOX.name)),
  );
  t.match(await images.imageStatus({ image: BUSYBOX.name }, options), { repoTags: [BUSYBOX.name] });
  t.equal(await images.imageStatus({ image: 'nodelet.test/absent:1' }, options), undefined);
  t.match(await images.imageFsInfo(options), { imageFilesystems: [{ fsId: { mountpoint: /containerd/ } }] });
  await t.rejects(images.pullImage({ image: 'nodelet.test/absent:1' }, {}, options));
});

t.test('a pod lives and ends as asked, and the events tell of it', async t => {
  const events = collectEvents(containerd.endpoint);
  await events.next(event => event.kind === 'subscribed');

  const sandboxId = await runtime.runPodSandbox(sandboxConfig, { runtimeHandler: '' }, options);
  t.match(await runtime.podSandboxStatus(sandboxId, options), {
    id: sandboxId,
    state: 'SANDBOX_READY',
    metadata: { uid: POD_UID, attempt: 0 },
    linux: { namespaces: { options: { network: 'NODE' } } },
  });
  const listed = await runtime.listPodSandbox({ labelSelector: { app: 'walk' } }, options);
  t.match(listed, [{ id: sandboxId, labels: { app: 'walk' } }]);
  t.equal(listed.length, 1);
  t.match(await events.next(event => event.kind === 'taskStart'), { containerId: sandboxId });

  const config = buildContainerConfig('main', ['sh', '-c', OBEYS_SIGTERM]);
  const id = await runtime.createContainer(sandboxId, config, sandboxConfig, options);
  t.match(await runtime.containerStatus(id, options), { state: 'CONTAINER_CREATED', startedAt: '0' });
  await runtime.startContainer(id, options);
  t.match(await events.next(event => event.kind === 'taskStart'), { containerId: id });
  const running = await runtime.containerStatus(id, options);
  t.match(running, { state: 'CONTAINER_RUNNING', metadata: { name: 'main', attempt: 0 } });
  t.ok(Math.abs(nanosecondsToMs(running.startedAt) - Date.now()) < EVENT_DEADLINE_MS, 'the times are ours');
  const log = join(containerd.directory, 'logs', 'main_0.log');
  await eventually(
    () => readFile(log, 'utf8'),
    text => text.includes('stdout F ready'),
  );

  const { stdout, stderr, exitCode } = await runtime.execSync(
    id,
    ['sh', '-c', 'echo $GREETING; echo no >&2; exit 3'],
    5,
    options,
  );
  t.strictSame([stdout.toString(), stderr.toString(), exitCode], ['grüß dich\n', 'no\n', 3]);
  const execExit = await events.next(event => event.kind === 'taskExit');
  t.match(execExit, { kind: 'taskExit', containerId: id, exitStatus: 3 });
  t.notMatch(execExit, { processId: id }, 'an exec has an ID of its own');
  t.match(
    await runtime.exec({ containerId: id, cmd: ['sh'], stdout: true }, options),
    /^http:\/\/127\.0\.0\.1:/,
  );
  await runtime.updateContainerResources(id, { cpuShares: 512 }, options);
  await runtime.reopenContainerLog(id, options);
  await eventually(
    () => runtime.listContainerStats({ id }, options),
    ([stats]) => stats?.attributes?.id === id,
  );

  const stoppedAtMs = Date.now();
  await runtime.stopContainer(id, 30, options);
  t.ok(Date.now() - stoppedAtMs < 5000, 'SIGTERM is enough');
  const exit = await events.next(event => event.kind === 'taskExit' && event.processId === id);
  t.match(exit, { containerId: id, exitStatus: 0 });
  const exited = await runtime.containerStatus(id, options);
  t.match(exited, { state: 'CONTAINER_EXITED', exitCode: 0, reason: 'Completed' });
  t.ok(BigInt(exited.finishedAt) > BigInt(exited.startedAt));
  t.match(exit, { exitedAtMs: nanosecondsToMs(exited.finishedAt) });

  await runtime.stopContainer(id, 0, options);
  await runtime.removeContainer(id, options);
  await runtime.removeContainer(id, options);
  t.match(await events.next(event => event.kind === 'containerDelete'), { containerId: id });
  await runtime.stopPodSandbox(sandboxId, options);
  await runtime.removePodSandbox(sandboxId, options);
  await runtime.removePodSandbox(sandboxId, options);
  t.same(await runtime.listPodSandbox({}, options), []);
  t.same(connection.inFlight(), []);
  await events.stop();
});

t.test('failures come as our few classes', async t => {
  const sandboxId = await runtime.runPodSandbox(sandboxConfig, { runtimeHandler: '' }, options);
  await t.rejects(runtime.containerStatus(ABSENT_ID, options), NotFoundError);
  await t.rejects(runtime.podSandboxStatus(ABSENT_ID, options), NotFoundError);
  await t.rejects(runtime.startContainer(ABSENT_ID, options), NotFoundError);
  await t.rejects(runtime.execSync(ABSENT_ID, ['true'], 1, options), NotFoundError);

  await runtime.stopContainer(ABSENT_ID, 0, options);
  await runtime.removeContainer(ABSENT_ID, options);
  await t.rejects(runtime.runPodSandbox(sandboxConfig, { runtimeHandler: '' }, options), ConflictError);

  const config = buildContainerConfig('broken', ['/no/such/command']);
  const brokenId = await runtime.createContainer(sandboxId, config, sandboxConfig, options);
  const failure = await runtime.startContainer(brokenId, options).catch((error: unknown) => error);
  t.type(failure, UnavailableError);
  t.match(failure, {
    code: 'Unknown',
    message: /^failed to create containerd task: .*no such file or directory/,
  });
  t.match(await runtime.containerStatus(brokenId, options), { state: 'CONTAINER_EXITED', exitCode: 128 });

  const id = await runtime.createContainer(
    sandboxId,
    buildContainerConfig('main', ['sleep', '1000']),
    sandboxConfig,
    options,
  );
  await runtime.startContainer(id, options);
  const timeout = await runtime.execSync(id, ['sleep', '100'], 1, options).catch((error: unknown) => error);
  t.match(timeout, { code: 'DeadlineExceeded', message: /timeout 1s exceeded/ });
  t.type(timeout, UnavailableError);

  const abort = new AbortController();
  const stop = runtime.stopContainer(id, 60, { signal: abort.signal, podUID: POD_UID });
  t.match(connection.inFlight(), [{ method: 'StopContainer', subject: POD_UID, expectedMs: 60_000 }]);
  const reason = new Error('changed my mind');
  abort.abort(reason);
  await t.rejects(stop, reason);
  t.same(connection.inFlight(), []);

  if (version.runtimeVersion.startsWith('1.')) await t.rejects(runtime.runtimeConfig(options), InvalidError);
  else t.match(await runtime.runtimeConfig(options), { linux: { cgroupDriver: 'CGROUPFS' } });
  await runtime.stopPodSandbox(sandboxId, options);
  await runtime.removePodSandbox(sandboxId, options);
});

t.test("CRI's own events come from 1.7 on, and 1.6 says that it has none", async t => {
  const watching = new AbortController();
  const events = watchCriEvents({ runtime, signal: watching.signal });
  if (version.runtimeVersion.startsWith('1.6.')) {
    await t.rejects(events.next(), { name: 'InvalidError', code: 'Unimplemented' });
    return;
  }
  // The runtime keeps what happened before somebody asked, and nothing confirms the subscription: sandboxes come and
  // go until one of them is told of.
  const seen: string[] = [];
  const told = firstAbout(events, seen);
  const timeout = AbortSignal.timeout(EVENT_DEADLINE_MS);
  let isTold = false;
  told.finally(() => (isTold = true)).catch(() => undefined); // awaited below
  while (!isTold && !timeout.aborted) {
    const id = await runtime.runPodSandbox(sandboxConfig, { runtimeHandler: '' }, options);
    seen.push(id);
    await runtime.stopPodSandbox(id, options);
    await runtime.removePodSandbox(id, options);
  }
  if (!isTold) watching.abort();
  t.ok(await told, 'an event tells of a sandbox');
  watching.abort();
  while (!(await events.next()).done); // what had come before the abort
});

t.test('a runtime that hangs meets the deadline, one that restarts is found again', async t => {
  const sandboxId = await runtime.runPodSandbox(sandboxConfig, { runtimeHandler: '' }, options);
  const id = await runtime.createContainer(
    sandboxId,
    buildContainerConfig('main', ['sleep', '1000']),
    sandboxConfig,
    options,
  );
  await runtime.startContainer(id, options);
  const impatient = connectRuntime({ runtimeEndpoint: containerd.endpoint, requestTimeoutMs: 500 });
  await impatient.runtime.version(options);
  await containerd.signalDaemon('SIGSTOP');
  t.match(await impatient.runtime.version(options).catch((error: unknown) => error), {
    name: 'UnavailableError',
    code: 'DeadlineExceeded',
    message: 'Version: the container runtime did not answer within 500ms',
  });
  await containerd.signalDaemon('SIGCONT');
  impatient.close();

  const events = collectEvents(containerd.endpoint);
  await events.next(event => event.kind === 'subscribed');
  await containerd.signalDaemon('SIGKILL');
  await t.rejects(events.ended, UnavailableError);
  await t.rejects(runtime.version(options), UnavailableError);
  const killedAtMs = Date.now();
  await eventually(
    () => runtime.version(options),
    () => true,
  );
  t.comment(`answers again ${Date.now() - killedAtMs} ms after the kill`);
  await eventually(
    () => runtime.containerStatus(id, options),
    ({ state }) => state === 'CONTAINER_RUNNING',
  );
  await runtime.stopPodSandbox(sandboxId, options);
  await runtime.removePodSandbox(sandboxId, options);
});

async function firstAbout(
  events: AsyncGenerator<CriEvent, void, void>,
  ids: readonly string[],
): Promise<CriEvent | undefined> {
  for (;;) {
    const { value } = await events.next();
    if (!value || ids.includes(value.containerId)) return value ?? undefined;
  }
}

function buildSandboxConfig({ cgroupParent, directory }: IsolatedContainerd): PodSandboxConfig {
  return {
    metadata: { name: 'walk', namespace: 'default', uid: POD_UID, attempt: 0 },
    logDirectory: join(directory, 'logs'),
    labels: { app: 'walk' },
    linux: { cgroupParent, securityContext: { namespaceOptions: { network: 'NODE', pid: 'CONTAINER' } } },
  };
}

function buildContainerConfig(name: string, command: readonly string[]): ContainerConfig {
  return {
    metadata: { name, attempt: 0 },
    image: { image: BUSYBOX.name },
    command,
    envs: [{ key: 'GREETING', value: Buffer.from('grüß dich') }],
    logPath: `${name}_0.log`,
    linux: {
      resources: { memoryLimitInBytes: 64 * 1024 * 1024, oomScoreAdj: 1000 },
      securityContext: { namespaceOptions: { network: 'NODE', pid: 'CONTAINER' } },
    },
  };
}

interface EventCollector {
  /** The first not yet taken event that matches; those before it are passed over. */
  next(matches: (event: ContainerdEvent) => boolean): Promise<ContainerdEvent>;
  /** Rejects with what broke the stream. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

function collectEvents(endpoint: string): EventCollector {
  const abort = new AbortController();
  const seen: ContainerdEvent[] = [];
  const ended = (async () => {
    for await (const event of watchContainerdEvents({
      endpoint,
      namespace: 'k8s.io',
      topics: [
        '/tasks/start',
        '/tasks/exit',
        '/tasks/oom',
        '/tasks/delete',
        '/containers/delete',
        '/images/create',
        '/images/update',
        '/images/delete',
      ],
      signal: abort.signal,
    })) {
      seen.push(event);
    }
  })();
  ended.catch(() => undefined); // the test that cares awaits `ended`
  return {
    ended,
    next: async matches => {
      const deadlineAtMs = Date.now() + EVENT_DEADLINE_MS;
      for (;;) {
        const index = seen.findIndex(matches);
        const event = seen[index];
        if (event) {
          seen.splice(0, index + 1);
          return event;
        }
        if (Date.now() > deadlineAtMs) throw new Error('no such event came');
        await delay(5);
      }
    },
    stop: async () => {
      abort.abort();
      await ended;
    },
  };
}

/** Reads until it does not throw and the result passes. */
async function eventually<T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<void> {
  const deadlineAtMs = Date.now() + EVENT_DEADLINE_MS;
  for (;;) {
    const value = await read().catch((error: unknown) => {
      if (Date.now() > deadlineAtMs) throw error;
    });
    if (value !== undefined && isDone(value)) return;
    if (Date.now() > deadlineAtMs) throw new Error('it did not come to pass');
    await delay(50);
  }
}
