// What the node's packets meet: when a Service answers, and how long a new connection to the last of many takes.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Turn } from './turn.ts';

const PEER = join(import.meta.dirname, 'service-peer.ts');

export interface Destination {
  readonly address: string;
  readonly port: number;
}

export function startServers(turn: Turn): ChildProcess {
  return startPeer(turn, ['serve']);
}

export interface Answer extends Promise<{ readonly atMs: number }> {
  readonly isWaiting: Promise<void>;
}

/** When a new connection from the node first reached the wanted server, by the clock of `performance.now()`. */
export function answerAt(turn: Turn, { address, port }: Destination, wanted: string): Answer {
  const waiting = Promise.withResolvers<void>();
  const peer = startPeer(turn, ['await', address, String(port), wanted]);
  const read = async (): Promise<{ readonly atMs: number }> => {
    for await (const line of linesOf(peer)) {
      if (line === 'waiting') waiting.resolve();
      const [, time] = /^answer ([\d.]+)$/.exec(line) ?? [];
      if (time !== undefined) return { atMs: Number(time) - performance.timeOrigin };
    }
    throw new Error(`${address} never led to the server ${wanted}`);
  };
  return Object.assign(read(), { isWaiting: waiting.promise });
}

/** Microseconds that each of many new connections took. */
export async function timeConnections(turn: Turn, { address, port }: Destination): Promise<number[]> {
  const times: number[] = [];
  for await (const line of linesOf(startPeer(turn, ['connect', address, String(port)])))
    times.push(Number(line));
  if (times.length === 0) throw new Error(`no connection to ${address}:${port}`);
  return times;
}

/** The Service that a packet finds last; kube-proxy changes the order whenever it writes the chain. */
export async function findLastService(turn: Turn, chain = 'KUBE-SERVICES'): Promise<Destination> {
  const text = await turn.arena.node.node.execOk('iptables', ['-t', 'nat', '-S', chain], turn);
  const rule = text.split('\n').findLast(line => line.includes(' -j KUBE-SVC-')) ?? '';
  const [, part] = /-j (KUBE-SVC-ADDRESS-\d+)/.exec(rule) ?? [];
  if (part !== undefined) return await findLastService(turn, part);
  const [, address] = / -d ([\d.]+)\/32 /.exec(rule) ?? [];
  const [, port] = / --dport (\d+) /.exec(rule) ?? [];
  if (address === undefined || port === undefined) throw new Error(`no Service in the chain ${chain}`);
  return { address, port: Number(port) };
}

function linesOf({ stdout }: ChildProcess): AsyncIterable<string> {
  if (!stdout) throw new Error('no output of the client');
  return createInterface({ input: stdout });
}

function startPeer({ arena, signal }: Turn, args: readonly string[]): ChildProcess {
  const inNode = ['--target', String(arena.node.holderPid), '--net', process.execPath, PEER, ...args];
  const peer = spawn('nsenter', inNode, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  // Ended by the signal, or never started: whoever reads its output sees it end.
  peer.on('error', () => {});
  return peer;
}
