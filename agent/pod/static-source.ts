// Static pods: what a directory or a URL of the node asks for, with or without an API server.

import { dirname } from 'node:path';
import type { Pod } from '../api/objects.ts';
import type { Config } from '../config/config.ts';
import { watchDirectory } from '../host/watch-directory.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import { buildFilePod } from './adopt-static-pod.ts';
import { buildStaticPod, type StaticPodOrigin } from './build-static-pod.ts';
import { hashManifest, type Manifest, parseManifest, readManifests } from './read-manifests.ts';
import type { PodWorkers } from './workers.ts';

const URL_TIMEOUT_MS = 10_000;

export interface StaticSourceDeps {
  readonly config: Config['pods'];
  readonly nodeName: string;
  readonly workers: PodWorkers;
  readonly snapshots: { readonly all: () => Iterable<ObservedPod> };
  readonly logger: Logger;
}

type Source = StaticPodOrigin['source'];

/** Lives until the signal aborts. */
export async function runStaticSources(
  deps: StaticSourceDeps,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { staticPodPath, staticPodURL } = deps.config;
  const sources: Source[] = [];
  if (staticPodPath !== undefined) sources.push('file');
  if (staticPodURL !== undefined) sources.push('http');
  const pods = new StaticPods(deps, sources);
  await Promise.all([
    staticPodPath === undefined ? undefined : watchPath(pods, deps, staticPodPath, signal),
    staticPodURL === undefined ? undefined : pollURL(pods, deps, staticPodURL, signal),
  ]);
}

/** What each source asks for now, handed on as differences. */
class StaticPods {
  readonly #deps: StaticSourceDeps;
  readonly #unseen: Set<Source>;
  readonly #asked = new Map<Source, ReadonlyMap<string, Pod>>();
  /** By where it stands; what was said of it. */
  readonly #problems = new Map<string, string>();

  constructor(deps: StaticSourceDeps, sources: readonly Source[]) {
    this.#deps = deps;
    this.#unseen = new Set(sources);
    if (sources.length === 0) deps.workers.completeDesired('static');
  }

  /** The pods of one source, all of them. */
  set(source: Source, pods: readonly Pod[]): void {
    const { workers } = this.#deps;
    const before = this.#asked.get(source) ?? new Map<string, Pod>();
    const asked = this.#withoutNamesakes(source, pods);
    this.#asked.set(source, asked);
    for (const uid of before.keys()) if (!asked.has(uid)) workers.remove(uid);
    for (const [uid, pod] of asked) if (before.get(uid) !== pod) workers.upsert({ pod, source });
    if (this.#unseen.delete(source) && this.#unseen.size === 0) workers.completeDesired('static');
  }

  /** Once per problem, and once when it is over. */
  report(where: string, problem: string | undefined): void {
    if (this.#problems.get(where) === problem) return;
    const { logger } = this.#deps;
    if (problem === undefined) logger.info({ manifest: where }, 'static pod manifest is read again');
    else logger.warn({ manifest: where, reason: problem }, 'static pod manifest cannot be used');
    if (problem === undefined) this.#problems.delete(where);
    else this.#problems.set(where, problem);
  }

  // Two pods of one name would share their log directory and their mirror: the first one has it.
  #withoutNamesakes(source: Source, pods: readonly Pod[]): ReadonlyMap<string, Pod> {
    const byUID = new Map<string, Pod>();
    const names = new Set<string>();
    for (const pod of pods) {
      const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
      const where = `${source} ${name}`;
      if (names.has(name)) {
        this.report(where, `there are two pods of the name ${name}, the second one is ignored`);
        continue;
      }
      names.add(name);
      byUID.set(pod.metadata.uid ?? '', pod);
    }
    return byUID;
  }
}

async function watchPath(
  pods: StaticPods,
  { nodeName, snapshots, logger }: StaticSourceDeps,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  // Only of what runs when the agent starts somebody else may be the maker.
  let running: readonly ObservedPod[] = [...snapshots.all()];
  let before: ReadonlyMap<string, { readonly hash: string; readonly pod: Pod | undefined }> = new Map();
  // A single file is watched by its directory: editors replace it.
  const directory = /\.(ya?ml|json)$/.test(path) ? dirname(path) : path;
  for await (const _ of watchDirectory(directory, { signal })) {
    try {
      const manifests = await readManifests(path, nodeName);
      const known = before;
      before = new Map(
        manifests.map(manifest => {
          const last = known.get(manifest.path);
          const isSame = last !== undefined && last.hash === manifest.hash && manifest.hash !== '';
          return [manifest.path, isSame ? last : decode(pods, manifest, { nodeName, running }, last?.pod)];
        }),
      );
      running = [];
      pods.set(
        'file',
        [...before.values()].flatMap(({ pod }) => (pod ? [pod] : [])),
      );
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error, path }, 'static pod directory cannot be read, trying again');
    }
  }
}

// A file that is being written is half a file for a moment: its pod stays as it was.
function decode(
  pods: StaticPods,
  manifest: Manifest,
  { nodeName, running }: { readonly nodeName: string; readonly running: readonly ObservedPod[] },
  lastPod: Pod | undefined,
): { readonly hash: string; readonly pod: Pod | undefined } {
  const { path, hash } = manifest;
  const outcome = buildFilePod(manifest, nodeName, running);
  if (outcome.kind === 'ok') {
    pods.report(path, undefined);
    return { hash, pod: outcome.pod };
  }
  pods.report(path, lastPod ? `${outcome.message}; its pod stays as it was` : outcome.message);
  return { hash, pod: lastPod };
}

async function pollURL(
  pods: StaticPods,
  { config, nodeName }: StaticSourceDeps,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  let lastText: string | undefined;
  while (!signal.aborted) {
    try {
      const text = await fetchText(url, config.staticPodURLHeader, signal);
      if (text !== lastText) pods.set('http', decodeList(text, url, nodeName));
      lastText = text;
      pods.report(url, undefined);
    } catch (error) {
      if (signal.aborted) return;
      pods.report(url, errorMessage(error));
    }
    await sleep(config.httpCheckFrequencyMs, { signal });
  }
}

async function fetchText(
  url: string,
  headers: Readonly<Record<string, readonly string[]>>,
  signal: AbortSignal,
): Promise<string> {
  const pairs = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const timeout = AbortSignal.timeout(URL_TIMEOUT_MS);
  const response = await fetch(url, { headers: pairs, signal: AbortSignal.any([signal, timeout]) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`the server answered ${response.status}`);
  if (text === '') throw new Error('the server answered with nothing');
  return text;
}

/** One Pod, or a PodList of which a single bad item spoils the whole, as with the kubelet. */
function decodeList(text: string, url: string, nodeName: string): readonly Pod[] {
  const answer = parseManifest(text);
  const items: readonly unknown[] = isList(answer) ? answer.items : [answer];
  return items.map((item, index) => {
    const hash = hashManifest(JSON.stringify(item), nodeName, `url:${url}`);
    const outcome = buildStaticPod(withKind(item, items.length > 1), { source: 'http', nodeName, hash });
    if (outcome.kind === 'refused') throw new Error(`pod ${index + 1}: ${outcome.message}`);
    return outcome.pod;
  });
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  return typeof value === 'object' && value !== null && 'items' in value && Array.isArray(value.items);
}

// Items of a list need not say what they are.
function withKind(item: unknown, isListed: boolean): unknown {
  return isListed && typeof item === 'object' ? { apiVersion: 'v1', kind: 'Pod', ...item } : item;
}
