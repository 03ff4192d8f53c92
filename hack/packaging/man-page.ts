// nodelet(8), from the same commands that --help prints.
import type { Argument, Command, Option } from 'commander';
import { NODELET_VERSION } from '../../agent/config/version.ts';

export function formatManPage(program: Command): string {
  const commands = program.commands.flatMap(command =>
    command.commands.length > 0 ? command.commands.map(child => [command, child]) : [[command]],
  );
  const run = program.commands.find(command => command.name() === 'run');
  return [
    `.TH NODELET 8 "" "nodelet ${NODELET_VERSION}" "System Administration"`,
    '.SH NAME',
    `nodelet \\- ${escape(program.description())}`,
    '.SH SYNOPSIS',
    '.B nodelet',
    '.I command',
    '[options]',
    '.SH DESCRIPTION',
    'nodelet makes a Linux machine a node of a Kubernetes cluster: it runs the pods that the scheduler gives it in',
    'containerd, reports their status, and makes Services reachable. It takes the place of kubelet and kube\\-proxy.',
    '.PP',
    'A machine becomes a node with',
    '.BR "nodelet join" ,',
    'which starts',
    '.BR nodelet.service .',
    'Pods keep running while the service is stopped, restarted or upgraded.',
    '.SH COMMANDS',
    ...commands.flatMap(path => formatCommand(path, run)),
    '.SH FILES',
    ...FILES.flatMap(([path, what]) => ['.TP', `.I ${escape(path)}`, escape(what)]),
    '.SH EXIT STATUS',
    ...EXITS.flatMap(([code, what]) => ['.TP', `.B ${code}`, escape(what)]),
    '.SH EXAMPLES',
    ...EXAMPLES.flatMap(([what, line]) => [escape(what), '.PP', '.nf', `    ${escape(line)}`, '.fi', '.PP']),
    '.SH SEE ALSO',
    '.BR systemctl (1),',
    '.BR journalctl (1),',
    '.BR kubectl (1)',
    '',
  ].join('\n');
}

const FILES: readonly (readonly [string, string])[] = [
  [
    '/etc/nodelet/config.yaml',
    'KubeletConfiguration with a nodelet section; `nodelet config fields` lists every field.',
  ],
  ['/etc/nodelet/kubeconfig', 'How the API server is reached.'],
  [
    '/etc/default/nodelet',
    'NODELET_EXTRA_ARGS, flags for nodelet where it runs as kubelet.service with the files of kubeadm.',
  ],
  ['/var/lib/kubelet/pki', "The node's certificates; they are renewed by themselves."],
  ['/var/lib/kubelet/pods', 'Volumes of the pods.'],
  ['/var/log/pods', 'What containers print.'],
];

const EXITS: readonly (readonly [string, string])[] = [
  ['0', 'Done.'],
  [
    '1',
    'The work failed. Of doctor: something fails; of plan: a container restarts or ends; of status: the node is not Ready; of service trace: a cause was found.',
  ],
  ['2', 'The command line is wrong.'],
  ['69', 'Something cannot be reached now; the same command may work later.'],
  ['77', 'Credentials are wrong, expired, or may not do it.'],
  ['78', 'The configuration is wrong.'],
];

const EXAMPLES: readonly (readonly [string, string])[] = [
  [
    'Make this machine a node, with the line that `kubeadm token create --print-join-command` prints:',
    'nodelet join 10.0.0.1:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:...',
  ],
  ['See what is wrong with this machine, and how it is mended:', 'nodelet doctor'],
  ['See what another configuration would change before it is in place:', 'nodelet plan --config ./new.yaml'],
  ['See what it would change to run nodelet in the place of the kubelet that runs:', 'nodelet plan'],
  ['Follow what the service says about one pod:', 'journalctl -u nodelet -f POD=web-1'],
];

const OF_RUN = 'It reads the configuration that `nodelet run` reads, and takes the same flags.';

/** The flags of the configuration stand with `run` alone: the others that read it take the same. */
function formatCommand(path: readonly Command[], run: Command | undefined): readonly string[] {
  const command = path.at(-1);
  if (command === undefined) return [];
  const isLikeRun = command !== run && command.options.some(({ long }) => long === '--config-dir');
  const ofRun = new Set(isLikeRun ? run?.options.map(({ long }) => long) : []);
  const words = [
    'nodelet',
    ...path.map(part => part.name()),
    ...command.registeredArguments.map(formatArgument),
  ];
  const options = command
    .createHelp()
    .visibleOptions(command)
    .filter(({ description, long }) => isTold(description) && long !== '--help' && !ofRun.has(long));
  return [
    `.SS ${escape(words.join(' '))}`,
    `${escape(sentence(command.description()))}${isLikeRun ? ` ${escape(OF_RUN)}` : ''}`,
    ...options.flatMap(option => ['.TP', `.B ${escape(option.flags)}`, escape(describe(option))]),
  ];
}

function formatArgument(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

function describe({ description, defaultValue }: Option): string {
  return typeof defaultValue === 'string' ? `${description} (default: ${defaultValue})` : description;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** The kubelet's many flags are described by the name of their field alone: `config fields` lists them. */
function isTold(description: string): boolean {
  return description !== 'ignored' && !/^[\w.]+ \(.*\)$/.test(description);
}

function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
