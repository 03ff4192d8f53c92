// Traffic counters of a network namespace, /proc/PID/net/dev; proc_pid_net(5).
import { readControl } from './cgroup-usage.ts';

/** Counters of a fast link are beyond 2^53 after some months. */
export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
}

// What belongs to pods and containers, or never leaves the machine, as upstream leaves it out.
const NOT_SHOWN = /^(lo|veth|docker|nerdctl)/;

/** The interfaces that the process sees, without loopback and the ends of pods' links; undefined when it has ended. */
export function readInterfaces(pid: number | 'self'): readonly InterfaceUsage[] | undefined {
  const text = readControl(`/proc/${pid}/net`, 'dev');
  return text === undefined ? undefined : parseNetDev(text).filter(({ name }) => !NOT_SHOWN.test(name));
}

export function parseNetDev(text: string): readonly InterfaceUsage[] {
  const interfaces: InterfaceUsage[] = [];
  for (const [, name = '', numbers = ''] of text.matchAll(/^\s*([^\s:|]+):\s*(\d[\d ]*)$/gm)) {
    const [rxBytes = 0n, rxPackets = 0n, rxErrors = 0n, rxDropped = 0n, , , , , ...sent] = numbers
      .trim()
      .split(/ +/)
      .map(BigInt);
    const [txBytes = 0n, txPackets = 0n, txErrors = 0n, txDropped = 0n] = sent;
    interfaces.push({
      name,
      rxBytes,
      rxPackets,
      rxErrors,
      rxDropped,
      txBytes,
      txPackets,
      txErrors,
      txDropped,
    });
  }
  return interfaces;
}
