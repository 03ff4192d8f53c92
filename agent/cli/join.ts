import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { NODELET_VERSION } from '../config/version.ts';
import { type JoinSource, joinNode } from '../join/join-node.ts';
import { parseBootstrapToken, parseCaPin } from '../join/join-token.ts';
import { isK3sToken, parseK3sToken } from '../join/k3s-token.ts';
import { errorMessage } from '../lib/errors.ts';
import { pathExists } from '../lib/if-there.ts';
import { usageError } from './exit-codes.ts';
import type { Output } from './output.ts';
import { readTimeout } from './timeout.ts';

interface JoinOptions {
  readonly token?: string;
  readonly discoveryTokenCaCertHash?: readonly string[];
  readonly discoveryTokenUnsafeSkipCaVerification?: true;
  readonly k3s?: true;
  readonly k3sPasswordFile: string;
  readonly bootstrapKubeconfig?: string;
  readonly kubeconfig?: string;
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly timeout: string;
  readonly dir: string;
  readonly certDir: string;
  readonly start: boolean;
}

const EXAMPLES = `
Examples:
  # with the line that \`kubeadm token create --print-join-command\` prints
  nodelet join 10.0.0.1:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:...

  # a cluster of k3s, with the server's /var/lib/rancher/k3s/server/node-token
  nodelet join 10.0.0.1:6443 --token K10...::server:...

  # with a kubeconfig that may ask for node certificates
  nodelet join --bootstrap-kubeconfig ./bootstrap.conf

It may be said again: what is done stays as it is.`;

export function joinCommand(output: Output): Command {
  return new Command('join')
    .argument('[server]', 'address of the API server, e.g. 10.0.0.1:6443')
    .option('--token <token>', 'bootstrap token, as from `kubeadm token create`, or a token of k3s')
    .option(
      '--discovery-token-ca-cert-hash <hash>',
      'sha256:... of the public key of the cluster CA; may be given several times',
      (value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value],
    )
    .option('--discovery-token-unsafe-skip-ca-verification', 'believe any CA that the token has signed')
    .option('--k3s', 'the server is one of k3s; a token that begins with K10 says so itself')
    .option(
      '--k3s-password-file <path>',
      "this machine's own password with k3s",
      '/etc/rancher/node/password',
    )
    .option('--bootstrap-kubeconfig <path>', 'instead of a token: credentials that may ask for a certificate')
    .option('--kubeconfig <path>', 'instead of a token: credentials of system:node:NAME that work already')
    .option('--node-name <name>', "name of the Node (default: the host's)")
    .option('--node-ip <addresses>', 'address of the Node, or one per family with a comma')
    .option('--timeout <duration>', 'how long an approval of the certificate is waited for', '5m')
    .option('--dir <path>', 'where configuration and kubeconfig are written', '/etc/nodelet')
    .option('--cert-dir <path>', 'where certificates are written', '/var/lib/kubelet/pki')
    .option('--no-start', 'do not start nodelet.service')
    .addHelpText('after', EXAMPLES)
    .action(async (server: string | undefined, options: JoinOptions) => {
      // Everybody on the machine can read the arguments of a process, and a token is among them.
      if (options.token !== undefined) process.title = 'nodelet join';
      await join(server, options, output);
    });
}

async function join(server: string | undefined, options: JoinOptions, output: Output): Promise<void> {
  const say = (line: string): void => output.out(`${line}\n`);
  const source = readSource(server, options);
  const timeoutMs = readTimeout(options.timeout);
  const nodeName = (options.nodeName ?? hostname()).trim().toLowerCase();
  const { signal } = new AbortController(); // an interrupt ends the process
  const outcome = await joinNode(
    {
      source,
      nodeName,
      nodeIP: options.nodeIp,
      directory: options.dir,
      certDir: options.certDir,
      userAgent: `nodelet/${NODELET_VERSION} (join)`,
      timeoutMs,
      report: say,
    },
    { signal },
  );
  if (outcome.kind === 'alreadyJoined')
    say(`this machine is a node of ${outcome.server} already, as ${nodeName}`);
  else say(`joined ${outcome.server} as ${nodeName}; configuration: ${outcome.configPath}`);
  if (options.start) await startService(say);
}

function readSource(server: string | undefined, options: JoinOptions): JoinSource {
  const { token, bootstrapKubeconfig, kubeconfig } = options;
  const given = [token, bootstrapKubeconfig, kubeconfig].filter(value => value !== undefined);
  if (given.length !== 1) throw usageError('give one of --token, --bootstrap-kubeconfig and --kubeconfig');
  if (kubeconfig !== undefined) return { kind: 'kubeconfig', path: kubeconfig };
  if (bootstrapKubeconfig !== undefined) return { kind: 'bootstrapKubeconfig', path: bootstrapKubeconfig };
  if (options.k3s || isK3sToken(token ?? '')) {
    const { k3sPasswordFile: passwordPath } = options;
    return { kind: 'k3s', server: readServer(server), token: parseK3sToken(token ?? ''), passwordPath };
  }
  const caPins = (options.discoveryTokenCaCertHash ?? []).map(parseCaPin);
  if (caPins.length === 0 && !options.discoveryTokenUnsafeSkipCaVerification) {
    throw usageError(
      'give --discovery-token-ca-cert-hash (`kubeadm token create --print-join-command` prints it), or --discovery-token-unsafe-skip-ca-verification',
    );
  }
  return { kind: 'token', server: readServer(server), token: parseBootstrapToken(token ?? ''), caPins };
}

function readServer(server: string | undefined): string {
  if (server === undefined)
    throw usageError('say the address of the API server, e.g. nodelet join 10.0.0.1:6443 ...');
  const url = server.includes('://') ? server : `https://${server}`;
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
    throw usageError(`"${server}" is no address of an API server`);
  // An API server listens on 6443 unless somebody says otherwise.
  const hasPort = /:\d+$/.test(url.replace(/\/+$/, ''));
  return hasPort || server.includes('://') ? url.replace(/\/+$/, '') : `${url}:6443`;
}

/** A machine without systemd, or without the package, is told what is left to do. */
async function startService(say: (line: string) => void): Promise<void> {
  const byHand = 'start it with: nodelet run';
  if (!(await pathExists('/run/systemd/system'))) {
    say(byHand);
    return;
  }
  try {
    await promisify(execFile)('systemctl', ['enable', 'nodelet.service']);
    await promisify(execFile)('systemctl', ['restart', '--no-block', 'nodelet.service']);
    say('nodelet.service is started; see: systemctl status nodelet');
  } catch (error) {
    say(`nodelet.service could not be started (${errorMessage(error).split('\n')[0]}); ${byHand}`);
  }
}
