// parse -> default -> validate -> freeze. Whatever is wrong comes back at once, as a value.

import { hostname } from 'node:os';
import { buildConfig } from './build-config.ts';
import type { Config } from './config.ts';
import { buildFlagValues, buildKubeletConfiguration, describeSettings } from './describe.ts';
import { type ConfigFile, parseConfigFile } from './document.ts';
import { FIELD_NAMES, type FieldName, fieldOf, type Values } from './fields.ts';
import { type FlagValue, parseFlags } from './flags.ts';
import { FEATURE_GATES } from './kubelet-fields.ts';
import { formatOrigin, type Problem } from './origin.ts';
import { applyDefaults, mergeAssignments, readValues, type Settings } from './settings.ts';
import { readSources } from './sources.ts';
import { validate } from './validate.ts';

export interface ConfigInput {
  /** Without --config and --config-dir. */
  readonly flags: readonly FlagValue[];
  readonly configPath?: string | undefined;
  readonly configDir?: string | undefined;
}

export type LoadedConfig =
  | {
      readonly kind: 'loaded';
      readonly config: Config;
      readonly settings: Settings;
      /** One line each: a setting that has no effect yet, a flag that is ignored. */
      readonly notices: readonly string[];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Reads flags and files of this machine. */
export async function loadConfig({ flags, configPath, configDir }: ConfigInput): Promise<LoadedConfig> {
  const workingDir = process.cwd();
  const sources = await readSources({ configPath, configDir, workingDir });
  const loaded = parseConfig({ flags, files: sources.files, workingDir, hostname: hostname() });
  if (sources.problems.length === 0) return loaded;
  return {
    kind: 'invalid',
    problems: [...sources.problems, ...(loaded.kind === 'invalid' ? loaded.problems : [])],
  };
}

export interface ParseInput {
  readonly flags: readonly FlagValue[];
  /** Lowest layer first. */
  readonly files: readonly ConfigFile[];
  readonly workingDir: string;
  readonly hostname: string;
}

/** The pure part: text and flags to a frozen Config, or everything that is wrong with them. */
export function parseConfig({ flags, files, workingDir, hostname }: ParseInput): LoadedConfig {
  const flagLayer = parseFlags(flags, workingDir);
  const layers = [...files.map(parseConfigFile), flagLayer];
  const given = mergeAssignments(layers.flatMap(layer => layer.assignments));
  const settings = applyDefaults(given, hostname);
  const values = readValues(settings);
  const problems = [...layers.flatMap(layer => layer.problems), ...validate(values, settings)];
  if (problems.length > 0) return { kind: 'invalid', problems };
  return {
    kind: 'loaded',
    config: buildConfig(values, {
      settings: describeSettings(settings).map(({ path, value }) => ({ path, value })),
      document: buildKubeletConfiguration(settings),
      flags: buildFlagValues(settings),
    }),
    settings,
    notices: [...flagLayer.notices, ...noticeIneffective(given), ...noticeGates(values)],
  };
}

function noticeIneffective(given: Settings): readonly string[] {
  return FIELD_NAMES.flatMap(name => {
    const setting = given.get(name);
    const field = fieldOf(name);
    if (field.status !== 'accepted' || setting === undefined) return [];
    // Written out with the default's value it asks for nothing that does not happen.
    if (JSON.stringify(field.show(setting.value)) === JSON.stringify(field.show(field.fallback))) return [];
    const because = field.note === undefined ? '' : `: ${field.note}`;
    return [`${name} has no effect yet${because} (${formatOrigin(setting.origin)})`];
  });
}

function noticeGates({ featureGates }: Values): readonly string[] {
  const looked: readonly string[] = FEATURE_GATES;
  const others = Object.keys(featureGates).filter(gate => !looked.includes(gate));
  return others.length === 0 ? [] : [`feature gates without effect here: ${others.join(', ')}`];
}

/** What `nodelet run` needs beyond a well-formed configuration. */
export function checkRunnable(config: Config): readonly Problem[] {
  const { staticPodPath, staticPodURL } = config.pods;
  if (config.api.kubeconfigPath !== undefined) return [];
  const hasStaticPods = staticPodPath !== undefined || staticPodURL !== undefined;
  if (hasStaticPods && config.api.bootstrapKubeconfigPath === undefined) return checkStandalone(config);
  const message = 'needed to reach the API server; set it in the file or give --kubeconfig PATH';
  return [{ path: 'nodelet.kubeconfig', message }];
}

// Settings whose default is to ask the API server: whoever has none has to choose, as with the kubelet.
function checkStandalone({ server }: Config): readonly Problem[] {
  const needs = (path: FieldName, instead: string): Problem => ({
    path,
    message: `needs an API server: set nodelet.kubeconfig, or for static pods alone say ${instead}`,
  });
  return [
    ...(server.enabled && server.webhookAuthentication
      ? [needs('authentication.webhook.enabled', 'false')]
      : []),
    ...(server.enabled && server.authorizationMode === 'Webhook'
      ? [needs('authorization.mode', 'AlwaysAllow, or enableServer: false')]
      : []),
    ...(server.tlsBootstrap ? [needs('serverTLSBootstrap', 'false')] : []),
  ];
}
