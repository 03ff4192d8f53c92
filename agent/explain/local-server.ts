// Answers the local commands on a socket that only root can reach.
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { waitAborted } from '../lib/abort.ts';
import type { Logger } from '../lib/logger.ts';
import type { PodExplanation } from './explanation.ts';
import type { ShownSetting } from './foreseen.ts';
import type { NodeReport } from './node-report.ts';

const DIRECTORY_MODE = 0o700;
const SOCKET_MODE = 0o600;

export interface LocalAnswers {
  readonly explainPod: (namespace: string, name: string) => PodExplanation | undefined;
  readonly reportNode: () => Promise<NodeReport>;
  readonly settings: readonly ShownSetting[];
}

/** Until the signal aborts. Without the socket everything else goes on: it is only a view. */
export async function runLocalServer(
  path: string,
  answers: LocalAnswers,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '', answers, response, logger);
  });
  try {
    await mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
    await chmod(dirname(path), DIRECTORY_MODE); // it may have been there
    await rm(path, { force: true }); // of an agent that was killed
    await listen(server, path);
    await chmod(path, SOCKET_MODE);
  } catch (error) {
    logger.warn({ path, err: error }, '`nodelet explain` and `nodelet status` cannot ask this agent');
  }
  await waitAborted(signal);
  server.close(); // removes the socket as well
  server.closeAllConnections();
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(path, resolve);
  });
}

async function answer(
  url: string,
  answers: LocalAnswers,
  response: ServerResponse,
  logger: Logger,
): Promise<void> {
  try {
    const found = await find(url, answers);
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? { message: 'not on this node' }));
  } catch (error) {
    logger.warn({ url, err: error }, 'local question not answered');
    response.writeHead(500).end();
  }
}

async function find(url: string, answers: LocalAnswers): Promise<object | undefined> {
  const [kind, namespace = '', name = ''] = url.slice(1).split('/').map(decodeURIComponent);
  switch (kind) {
    case 'status':
      return await answers.reportNode();
    case 'settings':
      return answers.settings;
    case 'pods':
      return answers.explainPod(namespace, name);
    default:
      return undefined;
  }
}
