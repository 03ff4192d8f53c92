import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Config } from '../config/config.ts';
import { runCli } from './cli.ts';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './exit-codes.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly config: Config | undefined;
  readonly notices: readonly string[];
}

async function run(args: readonly string[], agentCode = 0): Promise<Ran> {
  let out = '';
  let err = '';
  let ran: { readonly config: Config; readonly notices: readonly string[] } | undefined;
  const code = await runCli(args, {
    runAgent: async (config, notices) => {
      ran = { config, notices };
      return agentCode;
    },
    output: {
      out: text => {
        out += text;
      },
      err: text => {
        err += text;
      },
    },
  });
  return { code, out, err, config: ran?.config, notices: ran?.notices ?? [] };
}

const WRONG: readonly (readonly [args: string, code: number, err: string])[] = [
  ['run --max-pod 3', EXIT_USAGE, "nodelet: unknown option '--max-pod' (Did you mean --max-pods?)\n"],
  ['rnu', EXIT_USAGE, "nodelet: unknown command 'rnu' (Did you mean run?)\n"],
  ['config shwo', EXIT_USAGE, "nodelet: unknown command 'shwo' (Did you mean show?)\n"],
  ['run --kubeconfig', EXIT_USAGE, "nodelet: option '--kubeconfig <path>' argument missing\n"],
  [
    'run --kubeconfig /k --max-pods many --node-ip nowhere',
    EXIT_CONFIG,
    'nodelet: configuration: maxPods: expected a whole number, got "many" (--max-pods)\n' +
      'nodelet: configuration: nodelet.nodeIP: expected an IP address, got "nowhere" (--node-ip)\n',
  ],
  [
    'run --config /does/not/exist.yaml',
    EXIT_CONFIG,
    'nodelet: configuration: cannot read /does/not/exist.yaml: no such file or directory\n',
  ],
  [
    'run',
    EXIT_CONFIG,
    'nodelet: configuration: nodelet.kubeconfig: needed to reach the API server; set it in the file or give --kubeconfig PATH\n',
  ],
];

t.test('runCli() says in one line what is wrong and ends with the right code', async t => {
  for (const [args, code, err] of WRONG) {
    const ran = await run(args.split(' '));
    t.equal(ran.err, err, args);
    t.equal(ran.code, code, args);
    t.equal(ran.config, undefined, 'the agent did not start');
  }
});

t.test('runCli() hands file, drop-ins and flags to the agent and returns its code', async t => {
  const directory = t.testdir({
    'config.yaml': 'maxPods: 10\nclusterDNS: [10.0.0.10]\nnodelet: { kubeconfig: node.kubeconfig }\n',
    'conf.d': {
      '20-b.conf': 'maxPods: 30\n',
      '10-a.conf': 'maxPods: 20\npodsPerCore: 2\n',
      'notes.txt': '?',
    },
  });
  await mkdir(join(directory, 'conf.d/15-more'));
  await writeFile(join(directory, 'conf.d/15-more/x.conf'), 'podsPerCore: 3\n');
  const args = ['--config', `${directory}/config.yaml`, '--config-dir', `${directory}/conf.d`];
  const ran = await run(
    ['run', ...args, '--node-labels=a=b', '-v=4', '--register-node=false', '--lock-file=x'],
    1,
  );
  t.equal(ran.err, '');
  t.equal(ran.code, EXIT_FAILURE);
  t.equal(ran.config?.node.maxPods, 30, 'drop-ins in lexical order');
  t.equal(ran.config?.node.podsPerCore, 3, 'and out of subdirectories');
  t.equal(ran.config?.api.kubeconfigPath, `${directory}/node.kubeconfig`, 'relative to its file');
  t.same(ran.config?.node.labels, { a: 'b' });
  t.equal(ran.config?.node.register, false);
  t.equal(ran.config?.log.level, 'debug');
  t.same(ran.notices, ['--lock-file is ignored: not supported']);
});

t.test('config show prints each value and where it came from', async t => {
  const directory = t.testdir({ 'config.yaml': 'maxPods: 10\n' });
  const file = `${directory}/config.yaml`;
  const { out, code } = await run(['config', 'show', '--origin', '--config', file, '--pods-per-core=2']);
  t.equal(code, EXIT_OK);
  const lines = out.split('\n');
  t.ok(lines.includes(`maxPods: 10 # ${file}:1`));
  t.ok(lines.includes('podsPerCore: 2 # --pods-per-core'));
  t.ok(lines.includes('nodeLeaseDurationSeconds: 40 # default'));
  const json = await run(['config', 'show', '--origin', '--json', '--config', file]);
  const settings: unknown = JSON.parse(json.out);
  t.match(settings, { length: Number });
  t.ok(
    Array.isArray(settings) &&
      settings.some(({ path, origin }) => path === 'maxPods' && origin === `${file}:1`),
  );
});

t.test('config fields tells what is honoured', async t => {
  const { out } = await run(['config', 'fields']);
  t.match(out, /^maxPods +honoured +integer +110 +--max-pods$/m);
  t.match(out, /^cpuManagerPolicy +accepted/m);
  t.match(out, /^runOnce +refused/m);
  t.notMatch((await run(['config', 'fields', '--status', 'refused'])).out, /honoured/);
});

t.test('version and help go to stdout and end well', async t => {
  const version = await run(['version', '--json']);
  t.match(JSON.parse(version.out), {
    nodelet: /^\d+\.\d+\.\d+$/,
    kubernetes: /^v1\.36\./,
    node: process.version,
  });
  t.equal((await run(['--version'])).out, (await run(['version'])).out);
  t.equal((await run(['help', 'config', 'show'])).out, (await run(['config', 'show', '--help'])).out);
  for (const args of [['--help'], ['help'], ['run', '--help'], ['config', 'show', '--help']]) {
    const { code, out, err } = await run(args);
    t.equal(code, EXIT_OK);
    t.match(out, /^Usage: nodelet/);
    t.equal(err, '');
  }
  t.match((await run(['run', '--help'])).out, /--kubeconfig <path>/);
  t.notMatch(
    (await run(['run', '--help'])).out,
    /--max-pods/,
    "the kubelet's long tail stays out of the help",
  );
});
