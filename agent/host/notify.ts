// Tells the service manager how we are; sd_notify(3).
import { sleep } from '../lib/sleep.ts';
import { UnixDatagramSender } from './unix-datagram.ts';

export interface NotifyOptions {
  /** $NOTIFY_SOCKET; without it every call does nothing. */
  readonly socketPath: string | undefined;
  /** $WATCHDOG_USEC, when $WATCHDOG_PID is ours or unset. */
  readonly watchdogTimeoutMs: number | undefined;
}

/** For the main process alone: what it starts must not inherit them. */
export const NOTIFY_VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/** The options in a service's environment, sd_watchdog_enabled(3). */
export function parseNotifyEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): NotifyOptions {
  const { NOTIFY_SOCKET: socketPath, WATCHDOG_USEC: timeoutUs, WATCHDOG_PID: watchedPid } = environment;
  const isWatched = Number(timeoutUs) > 0 && (watchedPid === undefined || Number(watchedPid) === pid);
  // Only file system and abstract sockets; other forms (vsock) are for virtual machines.
  const isUsable = socketPath?.startsWith('/') || socketPath?.startsWith('@');
  return {
    socketPath: isUsable ? socketPath : undefined,
    watchdogTimeoutMs: isWatched ? Number(timeoutUs) / 1000 : undefined,
  };
}

export class ServiceNotifier implements Disposable {
  readonly #sender: UnixDatagramSender | undefined;
  readonly #watchdogTimeoutMs: number | undefined;

  constructor({ socketPath, watchdogTimeoutMs }: NotifyOptions) {
    this.#sender = socketPath === undefined ? undefined : new UnixDatagramSender(socketPath);
    this.#watchdogTimeoutMs = watchdogTimeoutMs;
  }

  ready(): void {
    this.#send('READY=1');
  }

  stopping(): void {
    this.#send('STOPPING=1');
  }

  /** One line for `systemctl status`. */
  status(text: string): void {
    this.#send(`STATUS=${text.replaceAll('\n', ' ')}`);
  }

  /** Reports life twice per watchdog period; a blocked event loop stops it, and the service manager restarts us. */
  async runWatchdog({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#sender === undefined || this.#watchdogTimeoutMs === undefined) return;
    while (!signal.aborted) {
      this.#send('WATCHDOG=1');
      await sleep(this.#watchdogTimeoutMs / 2, { signal });
    }
  }

  // A manager that is away or slow cannot be told, and nothing here depends on it.
  #send(text: string): void {
    this.#sender?.send(Buffer.from(text, 'utf8'));
  }

  [Symbol.dispose](): void {
    this.#sender?.[Symbol.dispose]();
  }
}
