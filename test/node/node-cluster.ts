// Two sandboxed nodes with the agent on them, and the looks that the tests of agent/node/ take.

import type { Node } from '../../agent/api/objects.ts';
import { createSandbox, destroySandbox, type Sandbox } from '../../hack/sandbox/sandbox.ts';
import { waitUntil } from '../../hack/sandbox/wait.ts';

const NAME = `node-${process.pid}`;
const WAIT_MS = 90_000;

export interface ReadyCondition {
  readonly status: string;
  readonly message: string;
}

export class NodeCluster {
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;

  private constructor(sandbox: Sandbox, signal: AbortSignal) {
    this.sandbox = sandbox;
    this.signal = signal;
  }

  static async start(signal: AbortSignal): Promise<NodeCluster> {
    const progress = { signal, log: () => {} };
    const cluster = new NodeCluster(await createSandbox({ name: NAME, nodeCount: 2 }, progress), signal);
    for (const { agent } of cluster.sandbox.nodes) await agent.ensureStarted({ signal });
    await cluster.eventually('both nodes are Ready', async () => {
      return (
        (await cluster.ready('node-1')).status === 'True' && (await cluster.ready('node-2')).status === 'True'
      );
    });
    return cluster;
  }

  async stop(): Promise<void> {
    await destroySandbox(NAME, { signal: AbortSignal.timeout(60_000), log: () => {} });
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    return await this.sandbox.kubectl(args, { signal: this.signal });
  }

  async get<T>(kind: string, name: string, ...args: readonly string[]): Promise<T> {
    // The API server's own JSON of the kind asked for.
    return JSON.parse(await this.kubectl('get', kind, name, '-o', 'json', ...args)) as T;
  }

  async ready(nodeName: string): Promise<ReadyCondition> {
    const { stdout } = await this.sandbox.tryKubectl(['get', 'node', nodeName, '-o', 'json'], {
      signal: this.signal,
    });
    if (stdout === '') return { status: 'Unknown', message: 'no such node' };
    const node = JSON.parse(stdout) as Node; // the API server's own JSON
    return (
      node.status?.conditions?.find(({ type }) => type === 'Ready') ?? { status: 'Unknown', message: '' }
    );
  }

  /** Output of a shell command on a node, whatever its exit status. */
  async sh(nodeName: string, command: string): Promise<string> {
    const { stdout, stderr } = await this.sandbox.node(nodeName).exec('sh', ['-c', command], {
      signal: this.signal,
    });
    return `${stdout}${stderr}`.trim();
  }

  /** Runs a shell line in a pod and returns the pod's phase at its end. */
  async runPod(name: string, nodeName: string, command: string): Promise<string> {
    const container = { name: 'c', image: 'busybox:1.36', command: ['sh', '-c', command] };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { nodeName, restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [container] },
    };
    await this.sandbox.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod), signal: this.signal });
    let phase = '';
    await this.eventually(`pod ${name} has ended`, async () => {
      phase = await this.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.phase}');
      return phase === 'Succeeded' || phase === 'Failed';
    });
    return phase;
  }

  /** Starts a web server pod and returns its address. */
  async startWeb(name: string, nodeName: string): Promise<string> {
    const overrides = JSON.stringify({ spec: { nodeName, terminationGracePeriodSeconds: 0 } });
    const image = 'docker.io/library/nodelet-web:1';
    await this.kubectl(
      'run',
      name,
      `--image=${image}`,
      '--image-pull-policy=IfNotPresent',
      `--overrides=${overrides}`,
    );
    await this.kubectl('wait', `pod/${name}`, '--for=condition=Ready', '--timeout=30s');
    return await this.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');
  }

  async eventually(what: string, isTrue: () => Promise<boolean>, timeoutMs = WAIT_MS): Promise<void> {
    await waitUntil(what, isTrue, { signal: this.signal, timeoutMs });
  }
}
