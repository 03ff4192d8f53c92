// A proxy in front of a real container runtime's socket: every method of every service passes through as bytes.

import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:http2';
import { createConnection } from 'node:net';
import { FaultPoints, type Matcher } from './fault-points.ts';
import { Http2Proxy, type ProxiedAnswer, type ProxiedCall } from './http2-proxy.ts';

export interface CriCall extends ProxiedCall {
  /** `RunPodSandbox`, `StopContainer` ... */
  readonly name: string;
  /** Of the pod it is about, as far as the calls so far have told. */
  readonly podUID: string | undefined;
  /** Of the container or sandbox it is about. */
  readonly id: string | undefined;
}

/** A call that was answered. */
export interface CriRecord {
  readonly name: string;
  readonly podUID: string | undefined;
  /** The one in the request, else the one in the answer. */
  readonly id: string | undefined;
  readonly hasSucceeded: boolean;
}

const STREAMS = new Set(['Subscribe', 'GetContainerEvents']);
// In a request the label stands as a protobuf map entry: its name, then tag 2 and the length of a UID.
const POD_UID = /io\.kubernetes\.pod\.uid..([0-9a-f-]{36})/s;
const ID = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/;

export class CriProxy {
  readonly endpoint: string;
  readonly faults = new FaultPoints<CriCall>();
  readonly #proxy: Http2Proxy;
  readonly #owners = new Map<string, string>();
  #records: CriRecord[] = [];

  private constructor(endpoint: string, proxy: (self: CriProxy) => Http2Proxy) {
    this.endpoint = endpoint;
    this.#proxy = proxy(this);
  }

  static async listen(options: {
    readonly socketPath: string;
    readonly runtimePath: string;
  }): Promise<CriProxy> {
    const { socketPath, runtimePath } = options;
    const server = createServer();
    const proxy = new CriProxy(
      `unix://${socketPath}`,
      self =>
        new Http2Proxy({
          server,
          dial: () =>
            connect('http://localhost', { createConnection: () => createConnection({ path: runtimePath }) }),
          isStream: path => STREAMS.has(methodName(path)),
          intercept: async (call, forward) => {
            const known = self.#describe(call);
            const answer = await self.faults.run(known, forward);
            self.#record(known, answer);
            return answer;
          },
        }),
    );
    await rm(socketPath, { force: true });
    await new Promise<void>(resolve => server.listen(socketPath, resolve));
    return proxy;
  }

  /** Answered calls since the last `forget`, in the order of their answers. */
  get records(): readonly CriRecord[] {
    return this.#records;
  }

  forget(): void {
    this.#records = [];
  }

  disconnect(): void {
    this.#proxy.disconnect();
  }

  async close(): Promise<void> {
    await this.#proxy.close();
  }

  #describe(call: ProxiedCall): CriCall {
    const text = call.body.toString('latin1');
    const id = ID.exec(text)?.[0];
    const podUID = POD_UID.exec(text)?.[1] ?? (id === undefined ? undefined : this.#owners.get(id));
    return { ...call, name: methodName(call.path), podUID, id };
  }

  #record({ name, podUID, id: asked }: CriCall, { headers, body, trailers }: ProxiedAnswer): void {
    // Only the calls that make something are answered with nothing but an ID.
    const isMaking = name === 'RunPodSandbox' || name === 'CreateContainer';
    const made = isMaking ? ID.exec(body.toString('latin1'))?.[0] : undefined;
    if (made !== undefined && podUID !== undefined) this.#owners.set(made, podUID);
    const status = trailers?.['grpc-status'] ?? headers['grpc-status'];
    this.#records.push({ name, podUID, id: made ?? asked, hasSucceeded: status === '0' });
  }
}

export function isCall(name: string, podUID?: string): Matcher<CriCall> {
  return call => call.name === name && (podUID === undefined || call.podUID === podUID);
}

function methodName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
