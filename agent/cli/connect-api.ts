import { ApiClient } from '../api/client.ts';
import type { Config } from '../config/config.ts';
import { NODELET_VERSION } from '../config/version.ts';
import { InvalidError } from '../lib/errors.ts';
import { createSilentLogger } from '../lib/logger.ts';

/** The API server as the node sees it; `command` stands in the server's audit log. */
export async function connectApi(
  { api: { kubeconfigPath } }: Pick<Config, 'api'>,
  command: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<ApiClient> {
  if (kubeconfigPath === undefined) {
    const message = 'no kubeconfig: set nodelet.kubeconfig in the file or give --kubeconfig PATH';
    throw new InvalidError(message, { code: 'NoKubeconfig' });
  }
  const userAgent = `nodelet/${NODELET_VERSION} (${command})`;
  return await ApiClient.connect({ kubeconfigPath, userAgent, logger: createSilentLogger(), signal });
}
