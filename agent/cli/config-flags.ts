// --config, --config-dir and every flag of the kubelet, on each command that reads the configuration.

import { type Command, Help, Option } from 'commander';
import { type FlagSpec, type FlagValue, listFlags } from '../config/flags.ts';
import { type ConfigInput, checkRunnable, type LoadedConfig, loadConfig } from '../config/load-config.ts';
import { flagName, formatProblem, type Problem } from '../config/origin.ts';
import { DEFAULT_CONFIG_PATH } from '../config/sources.ts';
import { InvalidError } from '../lib/errors.ts';
import { findAgentProcess } from './agent-process.ts';

interface ShownFlag {
  readonly placeholder: string;
  readonly description: string;
}

/** The flags that --help tells about; the kubelet's other hundred are accepted and listed by `config fields`. */
const SHOWN_FLAGS: Readonly<Record<string, ShownFlag>> = {
  kubeconfig: { placeholder: 'path', description: 'how to reach the API server' },
  'hostname-override': { placeholder: 'name', description: "name of the Node (default: the host's)" },
  'node-ip': { placeholder: 'addresses', description: 'address of the Node, or one per family with a comma' },
  'node-labels': { placeholder: 'k=v,...', description: 'labels for a Node that is registered newly' },
  'register-with-taints': {
    placeholder: 'k=v:Effect,...',
    description: 'taints for a Node that is registered newly',
  },
  'container-runtime-endpoint': { placeholder: 'socket', description: 'unix socket of the CRI runtime' },
  'root-dir': { placeholder: 'path', description: "pods' directories and our own state" },
  'manage-cni': { placeholder: 'auto|true|false', description: 'write the CNI configuration ourselves' },
  'log-level': { placeholder: 'level', description: 'error, warn, info or debug' },
  'log-format': { placeholder: 'format', description: 'auto, json, text or journal' },
};

const FLAGS = listFlags();

export function addConfigFlags(command: Command): Command {
  command
    .option(
      '--config <path>',
      `KubeletConfiguration file, with a nodelet: section (default: ${DEFAULT_CONFIG_PATH})`,
    )
    .option('--config-dir <path>', 'directory of *.conf drop-ins, laid over the file in lexical order');
  for (const spec of FLAGS) command.addOption(buildOption(spec));
  const isShown = (option: Option): boolean =>
    option.long === '--config' ||
    option.long === '--config-dir' ||
    !FLAG_LONGS.has(option.long ?? '') ||
    SHOWN_FLAGS[option.name()] !== undefined;
  command.configureHelp({
    // Hidden options would not be suggested for a typo, so the short help is a matter of its own.
    formatHelp: (shown, { helpWidth }) => {
      const concise = new Help();
      concise.prepareContext(helpWidth === undefined ? {} : { helpWidth });
      const visibleOptions = concise.visibleOptions.bind(concise);
      concise.visibleOptions = of => visibleOptions(of).filter(isShown);
      return concise.formatHelp(shown, concise);
    },
  });
  return command.addHelpText(
    'after',
    `\nEvery other flag of the kubelet is accepted too: see \`nodelet config fields\`. Flags win over files.${
      command.name() === 'run' || command.name() === 'leave' ? '' : WITHOUT_FLAGS
    }`,
  );
}

const WITHOUT_FLAGS = '\nWithout any, they are those of the agent that runs here: nodelet, or a kubelet.';

const FLAG_LONGS: ReadonlySet<string> = new Set(FLAGS.map(({ name }) => `--${name}`));

function buildOption({ name, isBoolean, field, type }: FlagSpec): Option {
  const shown = SHOWN_FLAGS[name];
  // klog's -v is spelled --v too.
  const long = name.length === 1 ? `-${name}, --${name}` : flagName(name);
  const placeholder = shown?.placeholder ?? 'value';
  const option = new Option(
    `${long} ${isBoolean ? `[${placeholder}]` : `<${placeholder}>`}`,
    shown?.description ?? (field === undefined ? 'ignored' : `${field} (${type})`),
  );
  option.argParser((value: string, previous: readonly string[] | undefined) => [
    ...(previous ?? []),
    // A short flag's value may follow an equals sign, as in -v=4.
    name.length === 1 ? value.replace(/^=/, '') : value,
  ]);
  return isBoolean ? option.preset('true') : option;
}

function readConfigInput(command: Command): ConfigInput {
  const flags = command.options.flatMap((option): FlagValue[] => {
    const values: unknown = FLAG_LONGS.has(option.long ?? '')
      ? command.getOptionValue(option.attributeName())
      : undefined;
    return Array.isArray(values) ? [{ name: option.name(), values: values.map(String) }] : [];
  });
  const textOf = (name: string): string | undefined => {
    const value: unknown = command.getOptionValue(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return { flags, configPath: textOf('config'), configDir: textOf('configDir') };
}

type Loaded = Extract<LoadedConfig, { kind: 'loaded' }>;

/** The configuration a command was given. Throws InvalidError with a line for each mistake. */
export async function loadCommandConfig(command: Command): Promise<Loaded> {
  return await load(readConfigInput(command));
}

/** As the agent that runs here was started, unless the command line says something else. */
export async function loadPresentConfig(command: Command): Promise<Loaded> {
  const input = readConfigInput(command);
  const isBare = input.flags.length === 0 && input.configPath === undefined && input.configDir === undefined;
  return await load((isBare ? findAgentProcess()?.input : undefined) ?? input);
}

async function load(input: ConfigInput): Promise<Loaded> {
  const loaded = await loadConfig(input);
  if (loaded.kind === 'loaded') return loaded;
  throw wrongConfiguration(loaded.problems);
}

/** The same, if `nodelet run` can do something with it. */
export function checkRunnableConfig(loaded: Loaded): Loaded {
  const problems = checkRunnable(loaded.config);
  if (problems.length > 0) throw wrongConfiguration(problems);
  return loaded;
}

function wrongConfiguration(problems: readonly Problem[]): InvalidError {
  const lines = problems.map(problem => `configuration: ${formatProblem(problem)}`);
  return new InvalidError(lines.join('\n'), { code: 'Config' });
}
