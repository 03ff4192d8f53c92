// The floor: what the runtime alone takes for the same work, driven over CRI with no agent on the node.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Semaphore } from '../../agent/lib/semaphore.ts';
import { sleep } from '../../agent/lib/sleep.ts';
import type { ContainerConfig, PodSandboxConfig } from '../../cri-proto/runtime.v1.ts';
import { IMAGES } from '../sandbox/images.ts';
import { readMemory } from './process-usage.ts';
import type { Turn } from './turn.ts';

const SINGLES = 10;
const GRACE_SECONDS = 30;
const NODE_SETTLE_MS = 3000;

interface BarePod {
  readonly sandboxID: string;
  readonly sandboxConfig: PodSandboxConfig;
  readonly containerID: string;
}

export async function raceFloor(turn: Turn): Promise<void> {
  if (turn.has('start', 'start-config', 'delete', 'crash')) await singles(turn);
  if (turn.has('burst', 'burst-delete')) await turn.attempt('burst', async () => await crowd(turn));
  if (turn.has('idle')) await turn.attempt('idle', async () => await bareNode(turn));
}

async function singles(turn: Turn): Promise<void> {
  for (let index = 0; index < SINGLES; index += 1) {
    await turn.attempt('one pod', async () => {
      const started = performance.now();
      const pod = await startBarePod(turn);
      const startMs = performance.now() - started;
      await checkRunning(turn, pod.containerID);
      turn.add('start', startMs);
      turn.add('startConfig', startMs);
      const containerID = turn.has('crash') ? await crash(turn, pod) : pod.containerID;
      const stopped = performance.now();
      await stopBarePod(turn, { ...pod, containerID });
      turn.add('delete', performance.now() - stopped);
      await turn.arena.node.runtime.removePodSandbox(pod.sandboxID, turn);
    });
  }
}

async function crowd(turn: Turn): Promise<void> {
  const places = new Semaphore(availableParallelism());
  const place = { signal: turn.signal, priority: 0 };
  const started = performance.now();
  const pods = await Promise.all(
    Array.from({ length: turn.podCount }, async () => {
      const pod = await places.run(async () => await startBarePod(turn), place);
      turn.add('burstPod', performance.now() - started);
      return pod;
    }),
  );
  turn.add('burstWall', performance.now() - started);
  for (const { containerID } of pods) await checkRunning(turn, containerID);
  const stopping = performance.now();
  await Promise.all(pods.map(async pod => await places.run(async () => await stopBarePod(turn, pod), place)));
  turn.add('burstDeleteWall', performance.now() - stopping);
  await turn.arena.node.removeAllSandboxes(turn);
}

async function startBarePod(turn: Turn): Promise<BarePod> {
  const { runtime } = turn.arena.node;
  const sandboxConfig = buildSandboxConfig(randomUUID());
  const sandboxID = await runtime.runPodSandbox(sandboxConfig, { runtimeHandler: '' }, turn);
  const containerID = await startContainer(turn, sandboxID, sandboxConfig, 0);
  return { sandboxID, sandboxConfig, containerID };
}

async function startContainer(
  turn: Turn,
  sandboxID: string,
  sandboxConfig: PodSandboxConfig,
  attempt: number,
): Promise<string> {
  const { runtime } = turn.arena.node;
  const containerID = await runtime.createContainer(
    sandboxID,
    buildContainerConfig(attempt),
    sandboxConfig,
    turn,
  );
  await runtime.startContainer(containerID, turn);
  return containerID;
}

async function stopBarePod(turn: Turn, { sandboxID, containerID }: BarePod): Promise<void> {
  const { runtime } = turn.arena.node;
  await runtime.stopContainer(containerID, GRACE_SECONDS, turn);
  await runtime.stopPodSandbox(sandboxID, turn);
}

/** From the kill over the runtime's own notice of it to the next container. */
async function crash(turn: Turn, { sandboxID, sandboxConfig, containerID }: BarePod): Promise<string> {
  const { runtime } = turn.arena.node;
  const pid = await turn.arena.node.findContainerPid(containerID, turn);
  const started = performance.now();
  process.kill(pid, 'SIGKILL');
  while ((await runtime.containerStatus(containerID, turn)).state !== 'CONTAINER_EXITED')
    await sleep(1, turn);
  const next = await startContainer(turn, sandboxID, sandboxConfig, 1);
  turn.add('crash', performance.now() - started);
  await checkRunning(turn, next);
  return next;
}

async function checkRunning(turn: Turn, containerID: string): Promise<void> {
  const { state } = await turn.arena.node.runtime.containerStatus(containerID, turn);
  if (state !== 'CONTAINER_RUNNING') throw new Error(`container ${containerID} is ${state}`);
}

/** The memory of a Node that does nothing. */
async function bareNode(turn: Turn): Promise<void> {
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1_000_000)'], { stdio: 'ignore' });
  try {
    if (child.pid === undefined) throw new Error('Node does not start');
    await sleep(NODE_SETTLE_MS, turn);
    const memory = await readMemory([child.pid]);
    turn.add('idleRss', memory.rssMb);
    turn.add('idlePss', memory.pssMb);
    turn.add('idleAnonymous', memory.anonymousMb);
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

function buildSandboxConfig(uid: string): PodSandboxConfig {
  const name = `floor-${uid.slice(0, 8)}`;
  return {
    metadata: { name, namespace: 'race', uid, attempt: 0 },
    hostname: name,
    logDirectory: `/var/log/pods/race_${name}_${uid}`,
    dnsConfig: { servers: ['10.96.0.10'], searches: [], options: [] },
    labels: {
      'io.kubernetes.pod.name': name,
      'io.kubernetes.pod.namespace': 'race',
      'io.kubernetes.pod.uid': uid,
    },
    linux: {
      cgroupParent: '/race-floor',
      securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } },
    },
  };
}

function buildContainerConfig(attempt: number): ContainerConfig {
  return {
    metadata: { name: 'main', attempt },
    image: { image: IMAGES.pause },
    logPath: `main/${attempt}.log`,
    linux: {
      resources: { cpuShares: '2' },
      securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } },
    },
  };
}
