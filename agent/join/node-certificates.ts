// The node's identity from its first start on: by TLS bootstrap when there is none, then kept fresh without a restart.

import { ApiClient } from '../api/client.ts';
import { type Kubeconfig, readKubeconfig } from '../api/kubeconfig.ts';
import type { NodeAddress } from '../api/objects.ts';
import type { Config } from '../config/config.ts';
import { systemClock } from '../lib/clock.ts';
import { InvalidError } from '../lib/errors.ts';
import { pathExists } from '../lib/if-there.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { CertificateManager, CLIENT, SERVING } from './certificate-manager.ts';
import { NO_NAMES } from './certificate-request.ts';
import { CertificateStore } from './certificate-store.ts';
import type { KeyPair } from './key-pair.ts';
import { readClientPair, writeKubeconfig } from './kubeconfig-file.ts';
import type { RotationReason } from './plan-rotation.ts';
import { servingNames } from './serving-names.ts';

export interface NodeCertificatesDeps {
  readonly config: Pick<Config, 'api' | 'node' | 'server'>;
  readonly userAgent: string;
  readonly logger: Logger;
  /** The first certificate takes longer than a controller needs: somebody has to approve it. */
  readonly onWaiting: () => void;
}

interface Options {
  readonly signal: AbortSignal;
}

const WAITING_AFTER_MS = 10_000;

export class NodeCertificates {
  readonly #deps: NodeCertificatesDeps;
  readonly #clientStore: CertificateStore;
  readonly #client: CertificateManager;
  readonly #serving: CertificateManager;
  #api: ApiClient | undefined;
  #addresses: () => readonly NodeAddress[] = () => [];
  #hasClientPair = false;

  /** Returns once the API server can be talked to as this node, or once it is clear that it cannot for now. */
  static async prepare(deps: NodeCertificatesDeps, options: Options): Promise<NodeCertificates> {
    const certificates = new NodeCertificates(deps);
    await certificates.#prepare(options.signal);
    return certificates;
  }

  private constructor(deps: NodeCertificatesDeps) {
    const { config } = deps;
    const logger = deps.logger.child({ component: 'certificates' });
    const common = { nodeName: config.node.name, clock: systemClock, logger };
    this.#deps = { ...deps, logger };
    this.#clientStore = new CertificateStore(config.api.certDir, 'kubelet-client');
    this.#client = new CertificateManager(CLIENT, {
      ...common,
      store: this.#clientStore,
      withClient: async (reason, use) => await this.#withClient(reason, use),
      wantedNames: () => NO_NAMES,
    });
    this.#serving = new CertificateManager(SERVING, {
      ...common,
      store: new CertificateStore(config.api.certDir, 'kubelet-server'),
      withClient: async (_reason, use) => await use(this.#connected()),
      wantedNames: () => servingNames(this.#addresses()),
    });
  }

  /** For ApiClient: the rotated pair wins over what the kubeconfig holds. */
  get clientPemPath(): string | undefined {
    return this.#isRotating ? this.#clientStore.currentPath : undefined;
  }

  /** The certificate of the node API; undefined until one is issued. */
  get serving(): CertificateManager {
    return this.#serving;
  }

  /** The node's addresses may have changed. */
  addressesChanged(): void {
    this.#serving.wake();
  }

  async run(api: ApiClient, addresses: () => readonly NodeAddress[], { signal }: Options): Promise<void> {
    this.#api = api;
    this.#addresses = addresses;
    const tasks = new TaskGroup({ signal });
    this.#client.onChange(() =>
      // A failure is told by the client itself, which looks at its files every ten seconds anyway.
      tasks.run(async taskSignal => await api.refreshCredentials({ signal: taskSignal }).catch(() => {})),
    );
    if (this.#isRotating) tasks.run(async taskSignal => await this.#client.run({ signal: taskSignal }));
    if (this.#deps.config.server.tlsBootstrap) {
      tasks.run(async taskSignal => await this.#serving.run({ signal: taskSignal }));
    }
    await tasks.join();
  }

  get #isRotating(): boolean {
    return this.#deps.config.api.rotateCertificates && this.#hasClientPair;
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { kubeconfigPath = '', bootstrapKubeconfigPath, rotateCertificates } = this.#deps.config.api;
    await Promise.all([this.#client.look(), this.#serving.look()]);
    const kubeconfig = await readIfThere(kubeconfigPath);
    const pair =
      kubeconfig === undefined ? undefined : await readClientPair(kubeconfig).catch(() => undefined);
    this.#hasClientPair = kubeconfig?.user.clientCertificate !== undefined;
    if (rotateCertificates && pair !== undefined) await this.#adopt(pair);
    const isUsable = kubeconfig !== undefined && (!this.#hasClientPair || isValid(this.#newest(pair)));
    if (isUsable) return;
    if (bootstrapKubeconfigPath === undefined || !(await pathExists(bootstrapKubeconfigPath))) {
      this.#explainExpiry(pair);
      return; // whoever reads the kubeconfig says that it is missing
    }
    await this.#bootstrap(kubeconfigPath, await readKubeconfig(bootstrapKubeconfigPath), signal);
  }

  /** A kubeconfig that was replaced by hand is newer than what was rotated before. */
  async #adopt(pair: KeyPair): Promise<void> {
    const current = this.#client.current;
    const isNewer = current === undefined || pair.facts.notBeforeMs > current.facts.notBeforeMs;
    if (!isNewer || pair.certificate === current?.certificate) return;
    await this.#clientStore.replace(pair.certificate, pair.key, systemClock.nowMs());
    await this.#client.look();
  }

  #newest(pair: KeyPair | undefined): KeyPair | undefined {
    return this.#deps.config.api.rotateCertificates ? (this.#client.current ?? pair) : pair;
  }

  #explainExpiry(pair: KeyPair | undefined): void {
    if (pair === undefined) return;
    const reason = `${expiryText(pair)}; pods keep running, the API server takes nothing from this node`;
    this.#deps.logger.error({ reason }, 'the client certificate has expired');
  }

  async #bootstrap(kubeconfigPath: string, bootstrap: Kubeconfig, signal: AbortSignal): Promise<void> {
    const { logger, onWaiting } = this.#deps;
    logger.info({ bootstrapKubeconfig: bootstrap.path }, 'no usable client certificate, bootstrapping');
    if (!isValid(this.#client.current)) {
      const tasks = new TaskGroup({ signal });
      const done = new AbortController();
      const until = AbortSignal.any([tasks.signal, done.signal]);
      this.#client.onChange(() => {
        if (isValid(this.#client.current)) done.abort();
      });
      tasks.run(async () => await this.#client.run({ signal: until }));
      tasks.run(async () => {
        await sleep(WAITING_AFTER_MS, { signal: until });
        if (!until.aborted) onWaiting();
      });
      await tasks.join();
      signal.throwIfAborted();
    }
    await writeKubeconfig(kubeconfigPath, bootstrap.cluster, {
      kind: 'pem',
      path: this.#clientStore.currentPath,
    });
    this.#hasClientPair = true;
    logger.info({ kubeconfig: kubeconfigPath }, 'the node has its own certificate');
  }

  async #withClient<T>(reason: RotationReason, use: (client: ApiClient) => Promise<T>): Promise<T> {
    if (reason === 'due' || reason === 'names') return await use(this.#connected());
    const { bootstrapKubeconfigPath } = this.#deps.config.api;
    if (bootstrapKubeconfigPath === undefined || !(await pathExists(bootstrapKubeconfigPath))) {
      const text =
        this.#client.current === undefined
          ? 'there is no client certificate'
          : expiryText(this.#client.current);
      throw new InvalidError(text, { code: 'NoBootstrap' });
    }
    const { userAgent, logger } = this.#deps;
    const { signal } = new AbortController(); // bounds reading the files only
    const client = await ApiClient.connect({
      kubeconfigPath: bootstrapKubeconfigPath,
      userAgent,
      logger,
      signal,
    });
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }

  #connected(): ApiClient {
    if (this.#api === undefined) throw new InvalidError('not connected yet', { code: 'NotConnected' });
    return this.#api;
  }
}

function isValid(pair: KeyPair | undefined): boolean {
  return pair !== undefined && systemClock.nowMs() < pair.facts.notAfterMs;
}

function expiryText({ commonName, facts }: KeyPair): string {
  const expired = new Date(facts.notAfterMs).toISOString();
  return `certificate of ${commonName} expired at ${expired} and there is no bootstrap kubeconfig: give the node a new one with \`nodelet join\``;
}

/** Undefined when the file does not exist; a broken one throws, with its line. */
async function readIfThere(path: string): Promise<Kubeconfig | undefined> {
  return (await pathExists(path)) ? await readKubeconfig(path) : undefined;
}
