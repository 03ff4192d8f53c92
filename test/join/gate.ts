// The way to the API server, which can be shut: what is under way ends, and nobody new comes through. TLS passes unread.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

export class Gate {
  readonly #sockets = new Set<Socket>();
  readonly url: string;
  #isShut = false;
  #refused = 0;

  private constructor(port: number) {
    this.url = `https://127.0.0.1:${port}`;
  }

  static async open(t: Test, server: string): Promise<Gate> {
    const { hostname, port } = new URL(server);
    const listener = createServer(socket => gate.#pass(socket, hostname, Number(port)));
    await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
    t.teardown(() => {
      gate.shut();
      listener.close();
    });
    const gate = new Gate((listener.address() as AddressInfo).port); // it listens on TCP
    return gate;
  }

  /** How many came while it was shut. */
  get refused(): number {
    return this.#refused;
  }

  shut(): void {
    this.#isShut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  reopen(): void {
    this.#isShut = false;
  }

  #pass(inner: Socket, host: string, port: number): void {
    if (this.#isShut) {
      this.#refused += 1;
      inner.destroy();
      return;
    }
    const outer = connect(port, host);
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy()); // one end that breaks is the end of both
      socket.on('close', () => this.#sockets.delete(socket));
      socket.pipe(other);
    }
  }
}
