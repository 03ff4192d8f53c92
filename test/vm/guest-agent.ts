// Commands in a virtual machine by way of QEMU's guest agent: no network, no password, no console to parse.
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunResult } from '../../hack/sandbox/run.ts';

// The agent does not tell when a command has ended, and each question costs the emulated machine a line in its journal.
const FIRST_POLL_MS = 100;
const MAX_POLL_MS = 2_000;
const ANSWER_TIMEOUT_MS = 60_000; // of a machine whose processor is made of software

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

interface CommandStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly signal?: number;
  readonly 'out-data'?: string;
  readonly 'err-data'?: string;
}

/** One connection to the agent; what was asked first is answered first. */
export class GuestAgent {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = createInterface({ input: socket });
    this.#lines = lines[Symbol.asyncIterator]();
    socket.on('error', () => undefined); // its end is what is told: no machine yet, or none any more
    socket.once('close', () => {
      lines.close();
    });
  }

  /** Connects, and skips what an earlier connection has left in the channel. */
  static async connect(path: string): Promise<GuestAgent> {
    const agent = new GuestAgent(connect(path));
    try {
      const id = Math.floor(performance.now());
      while ((await agent.#ask('guest-sync', { id })) !== id);
      return agent;
    } catch (error) {
      agent.close();
      throw error;
    }
  }

  /** Runs a script with bash; any exit status is a result. */
  async run(script: string, { signal }: { readonly signal: AbortSignal }): Promise<RunResult> {
    const started = await this.#ask('guest-exec', {
      path: '/bin/bash',
      arg: ['-c', script],
      'capture-output': true,
    });
    const { pid } = started as { readonly pid: number }; // guest-exec's answer
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, MAX_POLL_MS)) {
      const status = (await this.#ask('guest-exec-status', { pid })) as CommandStatus;
      if (!status.exited) {
        await delay(pollMs, undefined, { signal });
        continue;
      }
      return {
        exitCode: status.exitcode ?? 128 + (status.signal ?? 0),
        stdout: decode(status['out-data']),
        stderr: decode(status['err-data']),
      };
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(execute: string, args: object): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const expired = new Promise<never>((_, reject) => {
      timeout.addEventListener('abort', () => {
        reject(new Error(`no answer to ${execute}`, { cause: timeout.reason }));
      });
    });
    const line = await Promise.race([this.#lines.next(), expired]);
    if (line.done) throw new Error(`the machine ended before it answered ${execute}`);
    const answer = JSON.parse(line.value) as Answer; // one object per line
    if (answer.error) throw new Error(`${execute}: ${answer.error.desc}`);
    return answer.return;
  }
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString();
}
