// Every command. Its module, and all that it needs, is loaded when it is the one that was typed.
import { Command } from 'commander';
import type { Exit } from './exit-codes.ts';
import type { Output } from './output.ts';
import type { RunAgent } from './run.ts';

export interface CliDeps {
  readonly runAgent: RunAgent;
  readonly output: Output;
}

export interface CommandEntry {
  readonly name: string;
  readonly description: string;
  readonly load: (deps: CliDeps, exit: Exit) => Promise<Command>;
}

/** In the order in which `--help` lists them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run',
    description: 'run the node: pods, network and status, until a signal',
    load: async ({ runAgent }, exit) => (await import('./run.ts')).runCommand(runAgent, exit),
  },
  {
    name: 'join',
    description: 'make this machine a node of a cluster, and start the service',
    load: async ({ output }) => (await import('./join.ts')).joinCommand(output),
  },
  {
    name: 'leave',
    description: 'move the pods away and make this machine no node any more',
    load: async ({ output }) => (await import('./leave.ts')).leaveCommand(output),
  },
  {
    name: 'doctor',
    description: 'look at this machine: what keeps it from being a good node, and the command that mends it',
    load: async ({ output }, exit) => (await import('./doctor.ts')).doctorCommand(output, exit),
  },
  {
    name: 'status',
    description: 'one screen about this node: ready or why not, pods, certificates, API server, rules',
    load: async ({ output }, exit) => (await import('./status.ts')).statusCommand(output, exit),
  },
  {
    name: 'explain',
    description: 'why things on this node are as they are',
    load: async ({ output }, exit) => (await import('./explain.ts')).explainCommand(output, exit),
  },
  {
    name: 'plan',
    description:
      'what would change on this node with another configuration, version, or instead of the kubelet',
    load: async ({ output }, exit) => (await import('./foresee.ts')).planCommand(output, exit),
  },
  {
    name: 'config',
    description: 'look at the configuration',
    load: async ({ output }) =>
      new Command('config')
        .addCommand((await import('./config-show.ts')).configShowCommand(output))
        .addCommand((await import('./config-fields.ts')).configFieldsCommand(output)),
  },
  {
    name: 'service',
    description: 'look at Services on this node',
    load: async ({ output }, exit) => (await import('./service.ts')).serviceCommand(output, exit),
  },
  {
    name: 'cleanup',
    description: "take nodelet's packet rules, routes and CNI configuration off this machine",
    load: async ({ output }, exit) => (await import('./cleanup.ts')).cleanupCommand(output, exit),
  },
  {
    name: 'version',
    description: 'print the versions of nodelet, of the Kubernetes it follows, and of Node.js',
    load: async ({ output }) => (await import('./version.ts')).versionCommand(output),
  },
];
