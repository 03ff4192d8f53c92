// Rows with many pods: burst, idle with its API load, restart of the agent, burst delete. One crowd serves them all.
import type { Pod } from '../../agent/api/objects.ts';
import { sleep } from '../../agent/lib/sleep.ts';
import { firstContainerID } from './one-by-one.ts';
import { plainPod } from './pods.ts';
import { readCpuMs, readMemory } from './process-usage.ts';
import type { ContestantTurn, Turn } from './turn.ts';

const SETTLE_MS = 15_000;
// Writes that a restart causes come within the kubelet's first sync of all pods.
const RESTART_OBSERVED_MS = 15_000;

export async function raceCrowd({ turn, contestant }: ContestantTurn): Promise<void> {
  const names = Array.from({ length: turn.podCount }, (_, index) => `crowd-${index}`);
  await turn.attempt('burst', async () => await burst(turn, names));
  if (turn.has('idle', 'api-load')) {
    await sleep(SETTLE_MS, turn);
    await turn.attempt('idle', async () => await idle({ turn, contestant }));
  }
  if (turn.has('restart')) {
    await turn.attempt('restart', async () => await restart({ turn, contestant }, names));
  }
  await turn.attempt('burst-delete', async () => await burstDelete(turn, names));
}

async function burst(turn: Turn, names: readonly string[]): Promise<void> {
  const { arena, signal } = turn;
  const startedAtMs = performance.now();
  const sightings = await Promise.all(
    names.map(async name => {
      await arena.createPod(plainPod(name));
      return await arena.untilRunning(name);
    }),
  );
  for (const { object } of sightings) if (object) await arena.node.checkRunning(object, { signal });
  if (!turn.has('burst')) return;
  for (const { atMs } of sightings) turn.add('burstPod', atMs - startedAtMs);
  turn.add('burstWall', Math.max(...sightings.map(({ atMs }) => atMs)) - startedAtMs);
}

async function burstDelete(turn: Turn, names: readonly string[]): Promise<void> {
  const { arena, signal } = turn;
  const uids = names.map(name => arena.pods.get(name)?.metadata.uid ?? '');
  const startedAtMs = performance.now();
  const sightings = await Promise.all(
    names.map(async name => {
      await arena.deletePod(name);
      return await arena.untilGone(name);
    }),
  );
  for (const uid of uids) await arena.node.checkGone(uid, { signal });
  if (turn.has('burst-delete')) {
    turn.add('burstDeleteWall', Math.max(...sightings.map(({ atMs }) => atMs)) - startedAtMs);
  }
}

async function idle({ turn, contestant }: ContestantTurn): Promise<void> {
  const { arena, idleMs, signal } = turn;
  const pids = await contestant.findPids();
  const startedAtMs = performance.now();
  const before = { cpuMs: await readCpuMs(pids), ...(await readTraffic(turn)) };
  await sleep(idleMs, { signal });
  const after = { cpuMs: await readCpuMs(pids), ...(await readTraffic(turn)) };
  const elapsedMs = performance.now() - startedAtMs;
  const memory = await readMemory(pids);
  const connections = await arena.node.countApiConnections();
  await checkCrowd(turn);
  if (turn.has('idle')) {
    turn.add('idleCpu', ((after.cpuMs - before.cpuMs) / elapsedMs) * 100);
    turn.add('idleRss', memory.rssMb);
    turn.add('idlePss', memory.pssMb);
    turn.add('idleAnonymous', memory.anonymousMb);
  }
  if (!turn.has('api-load')) return;
  addTraffic(turn, before, after, elapsedMs);
  turn.add('apiConnections', connections);
}

/** Every pod of the crowd runs, by the API and by the runtime. */
async function checkCrowd({ arena, podCount, signal }: Turn): Promise<void> {
  const pods = arena.pods.list();
  if (pods.length !== podCount) throw new Error(`${pods.length} pods instead of ${podCount}`);
  for (const pod of pods) await arena.node.checkRunning(pod, { signal });
}

interface Traffic {
  readonly requests: number;
  readonly linkBytes: number;
}

async function readTraffic({ arena }: Turn): Promise<Traffic> {
  return { requests: await arena.readNodeRequests(), linkBytes: await arena.node.readLinkBytes() };
}

function addTraffic(turn: Turn, before: Traffic, after: Traffic, elapsedMs: number): void {
  const minutes = elapsedMs / 60_000;
  turn.add('apiRequests', (after.requests - before.requests) / minutes);
  turn.add('apiLinkBytes', (after.linkBytes - before.linkBytes) / 1024 / minutes);
}

async function restart({ turn, contestant }: ContestantTurn, names: readonly string[]): Promise<void> {
  const { arena, signal } = turn;
  const before = new Map(names.map(name => [name, arena.pods.get(name)]));
  await contestant.kill();
  const members = new Set(names);
  const changes: Pod[] = [];
  const stopCounting = arena.pods.observe(({ name, object }) => {
    if (object && members.has(name)) changes.push(object);
  });
  try {
    const renewed = untilLeaseRenewed(turn);
    const created = arena.createPod(plainPod('newcomer')).then(() => arena.untilRunning('newcomer'));
    await contestant.start({ signal });
    const startedAtMs = await contestant.startedAtMs();
    const [leaseAtMs, newcomer] = await Promise.all([renewed, created]);
    if (newcomer.object) await arena.node.checkRunning(newcomer.object, { signal });
    await sleep(RESTART_OBSERVED_MS, { signal });
    await checkSameContainers(turn, before, names);
    turn.add('restartLease', leaseAtMs - startedAtMs);
    turn.add('restartPod', newcomer.atMs - startedAtMs);
    turn.add('restartWrites', changes.length);
    turn.add('restartRestarts', countRestarts(turn, before, names));
    turn.add('restartFlips', new Set(changes.filter(isNotReady).map(({ metadata }) => metadata.name)).size);
  } finally {
    stopCounting();
  }
  await arena.deletePod('newcomer');
  await arena.untilGone('newcomer');
}

/** Resolves with the moment of the next renewal. */
async function untilLeaseRenewed({ arena, signal }: Turn): Promise<number> {
  const { name } = arena.node.node;
  const before = arena.leases.get(name)?.spec?.renewTime;
  const sighting = await arena.leases.until(
    name,
    'renewed',
    lease => lease?.spec?.renewTime !== undefined && lease.spec.renewTime !== before,
    { signal, timeoutMs: 60_000 },
  );
  return sighting.atMs;
}

async function checkSameContainers(
  { arena, signal }: Turn,
  before: ReadonlyMap<string, Pod | undefined>,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const pod = before.get(name);
    if (pod === undefined) throw new Error(`pod ${name} was not there`);
    // The runtime still runs the very container from before.
    await arena.node.checkRunning(pod, { signal });
  }
}

function countRestarts(
  { arena }: Turn,
  before: ReadonlyMap<string, Pod | undefined>,
  names: readonly string[],
): number {
  return names.filter(name => {
    const [then, now] = [before.get(name), arena.pods.get(name)];
    return then === undefined || now === undefined || firstContainerID(then) !== firstContainerID(now);
  }).length;
}

function isNotReady({ status }: Pod): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True';
}
