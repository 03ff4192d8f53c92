// Service rows: how long a change of one Service among many takes to reach the packets, a new Service, and a start from
// empty tables. The Service that is looked at is the last of them.
import { endpointSlicesPath } from '../../agent/api/paths.ts';
import { AlreadyExistsError, NotFoundError, UnavailableError } from '../../agent/lib/errors.ts';
import { sleep } from '../../agent/lib/sleep.ts';
import type { FigureName, ServiceCount } from './figures.ts';
import { readMemory } from './process-usage.ts';
import {
  answerAt,
  type Destination,
  findLastService,
  startServers,
  timeConnections,
} from './service-packets.ts';
import { SERVERS } from './service-peer.ts';
import type { ContestantTurn, Turn } from './turn.ts';

const NAMESPACE = 'race';
const SERVICES = `/api/v1/namespaces/${NAMESPACE}/services`;
const SLICES = endpointSlicesPath.replace('/endpointslices', `/namespaces/${NAMESPACE}/endpointslices`);
const WRITERS = 16;
const SAMPLES = 5;
// kube-proxy gathers changes for a second after each; a sample begins when it is idle again.
const PAUSE_MS = 1_700;
const SETTLE_MS = 3_000;
const REST_MS = 15_000; // as before the memory of the idle row
const PORT = 80;
// Of the part of the range that is not handed out by itself.
const PROBE = { address: '10.96.0.200', port: PORT };
const ADDED = { address: '10.96.0.201', port: PORT };
// Endpoints of all the other Services: the node itself.
const ENDPOINT_RANGES = ['10.245.0.0/16', '10.246.0.0/16'];

export async function raceServices(
  contestantTurn: ContestantTurn,
  counts: readonly ServiceCount[],
): Promise<void> {
  const { turn } = contestantTurn;
  const servers = startServers(turn);
  try {
    await routeEndpoints(turn, 'replace');
    await createLast(turn);
    let present = 1;
    for (const count of counts.toSorted((a, b) => a - b)) {
      await createMore(turn, present, count);
      present = count;
      await turn.attempt(`change at ${count}`, async () => await change(turn, count));
      await turn.attempt(`add at ${count}`, async () => await add(turn, count));
      await turn.attempt(`connect at ${count}`, async () => await connectToLast(turn, count));
      if (turn.has('service-initial')) {
        await turn.attempt(`initial at ${count}`, async () => await initial(contestantTurn, count));
      }
    }
  } finally {
    servers.kill();
    await removeServices(turn);
    await routeEndpoints(turn, 'delete');
  }
}

async function routeEndpoints({ arena, signal }: Turn, what: 'replace' | 'delete'): Promise<void> {
  for (const range of ENDPOINT_RANGES) {
    await arena.node.node.execOk('ip', ['route', what, 'local', range, 'dev', 'lo'], { signal });
  }
}

// The server gives up on ten thousand objects after a minute, having deleted a part of them.
async function removeServices({ arena, signal }: Turn): Promise<void> {
  for (const path of [SERVICES, SLICES]) {
    for (let isDone = false; !isDone; ) {
      isDone = await arena.api
        .delete(path, undefined, { signal, query: { labelSelector: 'race=many' }, timeoutMs: 120_000 })
        .then(() => true)
        .catch((error: unknown) => {
          signal.throwIfAborted();
          if (error instanceof UnavailableError) return false;
          if (error instanceof NotFoundError) return true;
          throw error;
        });
    }
  }
}

async function createMore(turn: Turn, present: number, count: number): Promise<void> {
  const next = Array.from({ length: count - present }, (_, index) => present + index).values();
  const write = async (): Promise<void> => {
    for (const index of next) {
      const far = [`10.245.${index >> 8}.${index & 255}`, `10.246.${index >> 8}.${index & 255}`];
      await createService(turn, `many-${index}`, undefined, far, SERVERS['other'] ?? 0);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  // One more answers when all before it have their rules.
  await createService(turn, 'added', ADDED.address, [turn.arena.node.node.address], SERVERS['old'] ?? 0);
  await answerAt(turn, ADDED, 'old');
  await removeAdded(turn);
  await sleep(SETTLE_MS, turn);
}

/** The Service that is looked at. */
async function createLast(turn: Turn): Promise<void> {
  await createService(turn, 'last', PROBE.address, [turn.arena.node.node.address], SERVERS['old'] ?? 0);
  await answerAt(turn, PROBE, 'old');
}

async function change(turn: Turn, count: ServiceCount): Promise<void> {
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const wanted = sample % 2 === 0 ? 'new' : 'old';
    await measure(turn, `serviceChange${count}`, PROBE, wanted, async () => {
      await writeSlice(turn, 'last', [turn.arena.node.node.address], SERVERS[wanted] ?? 0);
    });
  }
  await writeSlice(turn, 'last', [turn.arena.node.node.address], SERVERS['old'] ?? 0);
}

async function add(turn: Turn, count: ServiceCount): Promise<void> {
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await measure(turn, `serviceAdd${count}`, ADDED, 'new', async () => {
      await createService(turn, 'added', ADDED.address, [turn.arena.node.node.address], SERVERS['new'] ?? 0);
    });
    await removeAdded(turn);
    await sleep(PAUSE_MS, turn);
  }
}

async function removeAdded(turn: Turn): Promise<void> {
  for (const path of [SERVICES, SLICES]) await turn.arena.api.delete(`${path}/added`, undefined, turn);
}

async function connectToLast(turn: Turn, count: ServiceCount): Promise<void> {
  if (!turn.has('service-connect')) return;
  for (const time of await timeConnections(turn, await findLastService(turn)))
    turn.add(`serviceConnect${count}`, time);
}

async function initial({ turn, contestant }: ContestantTurn, count: ServiceCount): Promise<void> {
  await contestant.stop();
  await turn.arena.node.node.execOk('sh', ['-c', FLUSH], turn);
  const answer = answerAt(turn, PROBE, 'old');
  await contestant.start(turn);
  const startedAtMs = await contestant.startedAtMs();
  turn.add(`serviceInitial${count}`, (await answer).atMs - startedAtMs);
  await sleep(REST_MS, turn);
  turn.add(`serviceMemory${count}`, (await readMemory(await contestant.findPids())).anonymousMb);
}

// Both backends of both families; a chain can only go when nothing leads to it.
const FLUSH = 'for t in nat filter; do for i in iptables ip6tables; do $i -t $t -F; $i -t $t -X; done; done';

// ---- Objects

async function createService(
  turn: Turn,
  name: string,
  clusterIP: string | undefined,
  addresses: readonly string[],
  port: number,
): Promise<void> {
  const metadata = { name, labels: { race: 'many' } };
  const spec = { ports: [{ name: 'http', port: PORT }], ...(clusterIP ? { clusterIP } : {}) };
  await orPresent(turn.arena.api.create(SERVICES, { metadata, spec }, turn));
  await orPresent(turn.arena.api.create(SLICES, buildSlice(name, addresses, port), turn));
}

async function writeSlice(
  turn: Turn,
  name: string,
  addresses: readonly string[],
  port: number,
): Promise<void> {
  await turn.arena.api.replace(`${SLICES}/${name}`, buildSlice(name, addresses, port), turn);
}

function buildSlice(name: string, addresses: readonly string[], port: number): object {
  return {
    metadata: { name, labels: { race: 'many', 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port }],
    endpoints: addresses.map(address => ({ addresses: [address], conditions: { ready: true } })),
  };
}

async function orPresent(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}

// ---- Packets

async function measure(
  turn: Turn,
  figure: FigureName,
  destination: Destination,
  wanted: string,
  act: () => Promise<void>,
): Promise<void> {
  const answer = answerAt(turn, destination, wanted);
  await answer.isWaiting;
  const startedAtMs = performance.now();
  await act();
  turn.add(figure, (await answer).atMs - startedAtMs);
  await sleep(PAUSE_MS, turn);
}
