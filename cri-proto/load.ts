// Reads the descriptions beside this file into typed methods. Tens of milliseconds: once, at the start.

import { join } from 'node:path';
import protobuf, { type IConversionOptions, type Type } from 'protobufjs';
import type { ContainerdEventsCalls } from './containerd-events.ts';
import type { ImageServiceCalls, RuntimeServiceCalls } from './runtime.v1.ts';

const RECEIVED: IConversionOptions = { longs: String, enums: String, defaults: true, oneofs: true };

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
  const root = load('runtime.v1.proto');
  return {
    runtimeService: methods<RuntimeServiceCalls>(root, 'runtime.v1.RuntimeService'),
    imageService: methods<ImageServiceCalls>(root, 'runtime.v1.ImageService'),
  };
}

/** containerd's event service; its messages are typed in containerd-events.ts. */
export function loadContainerdEvents(): ContainerdEventsV1 {
  const payloads = ['containerd-task-events.proto', 'containerd-image-events.proto'].map(load);
  const events = load('containerd-events.proto');
  return {
    events: methods<ContainerdEventsCalls>(events, 'containerd.services.events.v1.Events'),
    decodePayload: (typeName, bytes) => {
      for (const root of payloads) {
        const found = root.lookup(`.${typeName}`);
        if (found instanceof protobuf.Type) return decode(found, bytes);
      }
      return undefined;
    },
  };
}

function load(file: string): protobuf.Root {
  const root = new protobuf.Root();
  root.loadSync(join(import.meta.dirname, file), { keepCase: false });
  root.resolveAll();
  return root;
}

function methods<Calls extends Record<keyof Calls, CallTypes>>(
  root: protobuf.Root,
  service: string,
): RpcMethods<Calls> {
  const found = root.lookupService(service).methodsArray.map(method => {
    const { name, resolvedRequestType: request, resolvedResponseType: response } = method;
    if (!request || !response) throw new Error(`${service}.${name}: unknown message`);
    return [name, describeMethod(`/${service}/${name}`, request, response)];
  });
  // The methods are known only at run time; generate-types.ts makes `Calls` from the same file.
  return Object.fromEntries(found) as RpcMethods<Calls>;
}

function describeMethod(path: string, request: Type, response: Type): RpcMethod<object, unknown> {
  return {
    path,
    requestSerialize: message => {
      const { buffer, byteOffset, byteLength } = request.encode(request.fromObject(message)).finish();
      return Buffer.from(buffer, byteOffset, byteLength); // the same memory
    },
    responseDeserialize: bytes => decode(response, bytes),
  };
}

function decode(type: Type, bytes: Buffer): unknown {
  return type.toObject(type.decode(bytes), RECEIVED);
}
