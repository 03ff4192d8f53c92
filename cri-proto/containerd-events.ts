// The received forms of containerd-*.proto, written by hand: they are few.

import type { Int64 } from './runtime.v1.ts';

export interface Timestamp {
  readonly seconds: Int64;
  readonly nanos: number;
}

export interface Any {
  // Not camelCase: the loader brings this message itself.
  readonly type_url: string;
  readonly value: Buffer;
}

export interface Envelope {
  readonly timestamp: Timestamp | null;
  readonly namespace: string;
  readonly topic: string;
  readonly event: Any | null;
}

export interface TaskStart {
  readonly containerId: string;
  readonly pid: number;
}

export interface TaskExit {
  readonly containerId: string;
  /** The process: equal to containerId for the container's own, an exec's ID otherwise. */
  readonly id: string;
  readonly pid: number;
  readonly exitStatus: number;
  readonly exitedAt: Timestamp | null;
}

export interface TaskDelete {
  readonly containerId: string;
  readonly pid: number;
  readonly exitStatus: number;
  readonly exitedAt: Timestamp | null;
  /** Empty for the container's own process, or an exec's ID. */
  readonly id: string;
}

export interface TaskOOM {
  readonly containerId: string;
}

export interface ContainerDelete {
  readonly id: string;
}

export interface ImageChange {
  readonly name: string;
}

export interface ContainerdEventsCalls {
  readonly Publish: {
    readonly request: {
      readonly topic: string;
      readonly event: { readonly type_url: string; readonly value: Uint8Array };
    };
    readonly response: Readonly<Record<string, never>>;
  };
  readonly Subscribe: {
    readonly request: { readonly filters: readonly string[] };
    readonly response: Envelope;
  };
}
