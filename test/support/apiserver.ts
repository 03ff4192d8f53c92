// A real etcd and kube-apiserver on loopback for the tests of agent/api, with as little as they start with.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../agent/api/client.ts';
import { createSilentLogger, type Logger } from '../../agent/lib/logger.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { ensureControlPlaneBuilt } from '../../hack/sandbox/control-plane-build.ts';

const { signal: never } = new AbortController();
// hack/test names it; built here it takes the network, which tests in a namespace of their own do not have.
const BINARY =
  process.env['NODELET_CONTROL_PLANE'] ??
  join(await ensureControlPlaneBuilt({ signal: never, log: timedLog() }), 'control-plane');
const READY_TIMEOUT_MS = 90_000;

export const API_PORT = 6443;

export interface TestApiServerOptions {
  readonly directory: string;
  /** More flags for kube-apiserver. */
  readonly flags?: readonly string[];
}

export class TestApiServer {
  readonly directory: string;
  readonly kubeconfigPath: string;
  readonly #flags: readonly string[];
  #etcd: ChildProcess | undefined;
  #apiserver: ChildProcess | undefined;

  private constructor({ directory, flags = [] }: TestApiServerOptions) {
    this.directory = directory;
    this.kubeconfigPath = join(directory, 'kubeconfig');
    this.#flags = flags;
  }

  static async start(options: TestApiServerOptions): Promise<TestApiServer> {
    const server = new TestApiServer(options);
    mkdirSync(server.directory, { recursive: true });
    server.#makeKeys();
    server.#startEtcd();
    await server.startApiServer();
    return server;
  }

  /** What `restoreStore` brings back. */
  backUpStore(): void {
    this.#etcd?.kill('SIGSTOP'); // a copy of one moment
    rmSync(this.#file('backup'), { recursive: true, force: true });
    cpSync(this.#file('etcd'), this.#file('backup'), { recursive: true });
    this.#etcd?.kill('SIGCONT');
  }

  /** As after a disaster: the cluster of then, with its numbers. */
  async restoreStore(): Promise<void> {
    await this.stop();
    rmSync(this.#file('etcd'), { recursive: true });
    cpSync(this.#file('backup'), this.#file('etcd'), { recursive: true });
    this.#startEtcd();
    await this.startApiServer();
  }

  #startEtcd(): void {
    this.#etcd = this.#spawn('etcd', [
      `--data-dir=${this.#file('etcd')}`,
      '--listen-client-urls=http://127.0.0.1:2379',
      '--advertise-client-urls=http://127.0.0.1:2379',
      '--listen-peer-urls=http://127.0.0.1:2380',
      '--unsafe-no-fsync',
    ]);
  }

  get pid(): number {
    return this.#apiserver?.pid ?? 0;
  }

  /** Also after a stop, then with other flags if given. */
  async startApiServer(flags: readonly string[] = this.#flags): Promise<void> {
    this.#apiserver = this.#spawn('kube-apiserver', [
      '--etcd-servers=http://127.0.0.1:2379',
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${API_PORT}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      `--client-ca-file=${this.#file('ca.crt')}`,
      `--tls-cert-file=${this.#file('server.crt')}`,
      `--tls-private-key-file=${this.#file('server.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${this.#file('sa.pub')}`,
      `--service-account-signing-key-file=${this.#file('sa.key')}`,
      `--token-auth-file=${this.#file('tokens.csv')}`,
      '--disable-admission-plugins=ServiceAccount',
      ...flags,
    ]);
    await this.#untilReady();
  }

  async stopApiServer(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await stop(this.#apiserver, signal);
  }

  async stop(): Promise<void> {
    await stop(this.#apiserver, 'SIGKILL');
    await stop(this.#etcd, 'SIGKILL');
  }

  connect(logger: Logger = createSilentLogger(), kubeconfigPath = this.kubeconfigPath): Promise<ApiClient> {
    const { signal } = new AbortController();
    return ApiClient.connect({ kubeconfigPath, logger, userAgent: 'nodelet-test', signal });
  }

  /** A client certificate of this CA, or of another one; `-days -1` makes one that has expired. */
  issue(name: string, subject: string, { days = 1, ca = 'ca' } = {}): void {
    const file = (extension: string): string => this.#file(`${name}.${extension}`);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-new', ...key, '-keyout', file('key'), '-out', file('csr'), '-subj', subject);
    const extensions = this.#file(`${name}.ext`);
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    const signer = ['-CA', this.#file(`${ca}.crt`), '-CAkey', this.#file(`${ca}.key`), '-CAcreateserial'];
    const validity = ['-days', String(days), '-extfile', extensions];
    openssl('x509', '-req', '-in', file('csr'), ...signer, ...validity, '-out', file('crt'));
  }

  makeCa(name: string): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', this.#file(`${name}.key`), '-out', this.#file(`${name}.crt`)];
    openssl('req', '-x509', ...key, ...files, '-days', '2', '-subj', `/CN=${name}`);
  }

  /** Writes a kubeconfig with these cluster and user fields and returns its path. */
  writeKubeconfig(name: string, cluster: object, user: object): string {
    const path = this.#file(name);
    const config = {
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      clusters: [
        {
          name: 'test',
          cluster: { server: `https://127.0.0.1:${API_PORT}`, 'certificate-authority': 'ca.crt', ...cluster },
        },
      ],
      users: [{ name: 'test', user }],
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  #makeKeys(): void {
    this.makeCa('ca');
    this.issue('server', '/CN=kube-apiserver');
    this.issue('admin', '/O=system:masters/CN=admin');
    openssl('genrsa', '-out', this.#file('sa.key'), '2048');
    openssl('rsa', '-in', this.#file('sa.key'), '-pubout', '-out', this.#file('sa.pub'));
    writeFileSync(this.#file('tokens.csv'), 'secret-token,tina,1,"system:masters"\nsecret-nobody,nobody,2\n');
    const user = { 'client-certificate': 'admin.crt', 'client-key': 'admin.key' };
    this.writeKubeconfig('kubeconfig', {}, user);
  }

  #file(name: string): string {
    return join(this.directory, name);
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const log = openSync(this.#file(`${program}.log`), 'a');
    return spawn(BINARY, [program, ...args], { stdio: ['ignore', log, log] });
  }

  async #untilReady(): Promise<void> {
    const client = await this.connect();
    const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
    try {
      for (;;) {
        if (this.#apiserver?.exitCode !== null) throw new Error(`see ${this.#file('kube-apiserver.log')}`);
        try {
          // Its answer is the text "ok"; the default namespace is made by a start hook after that.
          await client.get('/api/v1/namespaces/default', { signal, timeoutMs: 2000 });
          return;
        } catch (error) {
          if (signal.aborted) throw error;
          await delay(100);
        }
      }
    } finally {
      await client.close();
    }
  }
}

async function stop(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}
