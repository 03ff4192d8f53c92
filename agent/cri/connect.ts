import { loadRuntimeV1 } from '../../cri-proto/load.ts';
import { buildCallTimeouts } from './call-timeouts.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { ImageService } from './image-service.ts';
import { type InFlightCall, InFlightCalls } from './in-flight.ts';
import { RuntimeService } from './runtime-service.ts';

export interface ConnectRuntimeOptions {
  /** `unix:///run/containerd/containerd.sock` or the bare path. */
  readonly runtimeEndpoint: string;
  /** Where images are another process's; the runtime's endpoint otherwise. */
  readonly imageEndpoint?: string | undefined;
  /** The kubelet's `runtimeRequestTimeout`, 2 minutes when not given. */
  readonly requestTimeoutMs?: number | undefined;
}

export interface RuntimeConnection {
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  /** The calls under way on both services; findHungCalls picks those to complain about. */
  inFlight(): readonly InFlightCall[];
  /** Takes no more calls; those under way end by themselves, or by their signal. */
  close(): void;
}

/** Connects with the first call and again after a loss; throws InvalidError for an endpoint it cannot use. */
export function connectRuntime(options: ConnectRuntimeOptions): RuntimeConnection {
  const { runtimeEndpoint, imageEndpoint = runtimeEndpoint } = options;
  const { runtimeService, imageService } = loadRuntimeV1();
  const timeouts = buildCallTimeouts(options.requestTimeoutMs);
  const calls = new InFlightCalls();
  const connection = new GrpcConnection(runtimeEndpoint, calls);
  const imageConnection =
    imageEndpoint === runtimeEndpoint ? connection : new GrpcConnection(imageEndpoint, calls);
  return {
    runtime: new RuntimeService(connection, runtimeService, timeouts),
    images: new ImageService(imageConnection, imageService, timeouts),
    inFlight: () => calls.list(),
    close: () => {
      connection.close();
      imageConnection.close();
    },
  };
}
