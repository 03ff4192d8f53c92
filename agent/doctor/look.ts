// Looking without touching: files that may not be there, programs in the usual places.

import { accessSync, constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Undefined when it is not there or cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

export function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
}

/** Names in a directory; empty when it is not there. */
export function listNames(path: string): readonly string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

const PROGRAM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export function findProgram(name: string): string | undefined {
  return PROGRAM_DIRECTORIES.map(directory => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface RunningProcess {
  readonly pid: number;
  readonly name: string;
  readonly command: string;
}

/** Processes of this PID namespace; what runs in a container below it has no say about this machine. */
export function listProcesses(): readonly RunningProcess[] {
  const own = namespaceOf('self');
  return listNames('/proc')
    .filter(name => /^\d+$/.test(name) && namespaceOf(name) === own)
    .flatMap(pid => {
      const name = readText(`/proc/${pid}/comm`);
      if (name === undefined) return []; // ended meanwhile
      const command = (readText(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
      return [{ pid: Number(pid), name, command }];
    });
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return ''; // ended meanwhile
  }
}
