import type { RuntimeV1 } from '../../cri-proto/load.ts';
import type {
  AuthConfig,
  Image,
  ImageFsInfoResponse,
  ImageServiceCalls,
  ImageSpecInput,
  PodSandboxConfig,
} from '../../cri-proto/runtime.v1.ts';
import type { CallTimeouts } from './call-timeouts.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import type { CallOptions } from './runtime-service.ts';

export interface PullImageOptions {
  readonly auth?: AuthConfig | undefined;
  readonly sandboxConfig?: PodSandboxConfig | undefined;
}

/** CRI's ImageService, one method per call. */
export class ImageService {
  readonly #connection: GrpcConnection;
  readonly #methods: RuntimeV1['imageService'];
  readonly #timeouts: CallTimeouts;

  constructor(connection: GrpcConnection, methods: RuntimeV1['imageService'], timeouts: CallTimeouts) {
    this.#connection = connection;
    this.#methods = methods;
    this.#timeouts = timeouts;
  }

  async listImages(options: CallOptions): Promise<readonly Image[]> {
    const { images } = await this.#call('ListImages', {}, '', this.#timeouts.lookMs, options);
    return images;
  }

  /** Undefined when the image is not there. */
  async imageStatus(image: ImageSpecInput, options: CallOptions): Promise<Image | undefined> {
    const subject = image.image ?? '';
    const answer = await this.#call('ImageStatus', { image }, subject, this.#timeouts.lookMs, options);
    return answer.image ?? undefined;
  }

  /** Returns what the runtime will call the image (containerd: its ID). Takes as long as it takes: the signal decides. */
  async pullImage(
    image: ImageSpecInput,
    { auth, sandboxConfig }: PullImageOptions,
    options: CallOptions,
  ): Promise<string> {
    const request = { image, auth, sandboxConfig };
    const { unboundedMs } = this.#timeouts;
    const answer = await this.#call('PullImage', request, image.image ?? '', unboundedMs, options, Infinity);
    return answer.imageRef;
  }

  /** Removing what is not there is no error (CRI). */
  async removeImage(image: ImageSpecInput, options: CallOptions): Promise<void> {
    await this.#call('RemoveImage', { image }, image.image ?? '', this.#timeouts.requestMs, options);
  }

  imageFsInfo(options: CallOptions): Promise<ImageFsInfoResponse> {
    return this.#call('ImageFsInfo', {}, '', this.#timeouts.lookMs, options);
  }

  #call<Name extends keyof ImageServiceCalls>(
    name: Name,
    request: ImageServiceCalls[Name]['request'],
    subject: string,
    timeoutMs: number,
    { signal, podUID }: CallOptions,
    expectedMs = 0,
  ): Promise<ImageServiceCalls[Name]['response']> {
    const options = { signal, timeoutMs, subject: podUID ?? subject, expectedMs };
    return this.#connection.unary(this.#methods[name], request, options);
  }
}
