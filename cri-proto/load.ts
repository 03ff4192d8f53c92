// Reads the descriptions beside this file into typed methods. Tens of milliseconds: once, at the start.

import { join } from 'node:path';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';
import type { ContainerdEventsCalls } from './containerd-events.ts';
import type { ImageServiceCalls, RuntimeServiceCalls } from './runtime.v1.ts';

const OPTIONS: Options = { keepCase: false, longs: String, enums: String, defaults: true, oneofs: true };

/** One call of a service; sent messages may be partial, received ones are complete. */
export interface RpcMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

interface CallTypes {
  readonly request: unknown;
  readonly response: unknown;
}

type RpcMethods<Calls extends Record<keyof Calls, CallTypes>> = {
  readonly [Name in keyof Calls]: RpcMethod<Calls[Name]['request'], Calls[Name]['response']>;
};

export interface RuntimeV1 {
  readonly runtimeService: RpcMethods<RuntimeServiceCalls>;
  readonly imageService: RpcMethods<ImageServiceCalls>;
}

export interface ContainerdEventsV1 {
  readonly events: RpcMethods<ContainerdEventsCalls>;
  /** Decodes a payload by its full name, the envelope's type_url; undefined for one that is not described. */
  readonly decodePayload: (typeName: string, bytes: Buffer) => unknown;
}

/** CRI v1; its messages are typed in runtime.v1.ts. */
export function loadRuntimeV1(): RuntimeV1 {
  const definitions = load('runtime.v1.proto');
  return {
    runtimeService: methods<RuntimeServiceCalls>(definitions, 'runtime.v1.RuntimeService'),
    imageService: methods<ImageServiceCalls>(definitions, 'runtime.v1.ImageService'),
  };
}

/** containerd's event service; its messages are typed in containerd-events.ts. */
export function loadContainerdEvents(): ContainerdEventsV1 {
  const payloads = { ...load('containerd-task-events.proto'), ...load('containerd-image-events.proto') };
  return {
    events: methods<ContainerdEventsCalls>(
      load('containerd-events.proto'),
      'containerd.services.events.v1.Events',
    ),
    decodePayload: (typeName, bytes) => {
      const definition = payloads[typeName];
      return isMessageType(definition) ? definition.deserialize(bytes) : undefined;
    },
  };
}

function load(file: string): PackageDefinition {
  return loadSync(join(import.meta.dirname, file), OPTIONS);
}

function methods<Calls extends Record<keyof Calls, CallTypes>>(
  definitions: PackageDefinition,
  service: string,
): RpcMethods<Calls> {
  // The loader knows the methods only at run time; generate-types.ts makes `Calls` from the same file.
  return definitions[service] as unknown as RpcMethods<Calls>;
}

type AnyDefinition = PackageDefinition[string];

function isMessageType(
  definition: AnyDefinition | undefined,
): definition is Extract<AnyDefinition, { format: 'Protocol Buffer 3 DescriptorProto' }> {
  return definition?.['format'] === 'Protocol Buffer 3 DescriptorProto';
}
