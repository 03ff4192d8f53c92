// What the Node object says of the machine, read once at the start.
import { statfs } from 'node:fs/promises';
import { machine, release } from 'node:os';
import { mapped } from './errors.ts';
import {
  type Hugepages,
  readBootID,
  readHugepages,
  readMachineID,
  readOSImage,
  readPidLimit,
  readSystemUUID,
} from './proc.ts';

export interface HostFacts {
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  /** `uname -r` */
  readonly kernelVersion: string;
  /** PRETTY_NAME of os-release. */
  readonly osImage: string;
  /** Go's name: amd64, arm64. */
  readonly architecture: string;
  /** Logical CPUs. */
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly pidLimit: number;
  readonly hugepages: readonly Hugepages[];
}

/** systeminformation's answers where it has them; what it starts child processes for and the kernel says is read there. */
export async function readHostFacts({ signal }: { readonly signal: AbortSignal }): Promise<HostFacts> {
  // As default exports: that is what CommonJS has in a bundle as well as in Node.
  const [{ default: memoryPart }, { default: cpuPart }] = await Promise.all([
    import('systeminformation/lib/memory.js'),
    import('systeminformation/lib/cpu.js'),
  ]);
  const [memory, processor, machineID, systemUUID, bootID, osImage, pidLimit, hugepages] = await Promise.all([
    memoryPart.mem(),
    cpuPart.cpu(),
    readMachineID(),
    readSystemUUID(),
    readBootID(),
    readOSImage(),
    readPidLimit(),
    readHugepages(),
  ]);
  signal.throwIfAborted();
  return {
    machineID,
    systemUUID,
    bootID,
    kernelVersion: release(),
    osImage,
    architecture: goArchitecture(machine()),
    cpuCount: processor.cores,
    memoryBytes: memory.total,
    swapBytes: memory.swaptotal,
    pidLimit,
    hugepages,
  };
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  i686: '386',
  armv7l: 'arm',
};

/** Of `uname -m`. */
export function goArchitecture(unameMachine: string): string {
  return GO_ARCHITECTURES[unameMachine] ?? unameMachine;
}

export interface FileSystemUsage {
  readonly totalBytes: number;
  /** For programs without privilege, as df shows it. */
  readonly availableBytes: number;
  readonly totalInodes: number;
  readonly freeInodes: number;
}

/** The file system that holds `path`. */
export async function readFileSystemUsage(path: string): Promise<FileSystemUsage> {
  const { bsize, blocks, bavail, files, ffree } = await mapped(statfs(path));
  return {
    totalBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    totalInodes: files,
    freeInodes: ffree,
  };
}
