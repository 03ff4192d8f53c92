// What has to be run to take a sandbox off the pod network, from what libcni wrote down when it was put on it.

/** libcni's `cniCacheV1`, one file per attachment. */
export interface CachedAttachment {
  readonly containerId: string;
  readonly ifName: string;
  readonly networkName: string;
  /** The CNI configuration of that time, in base 64. */
  readonly config: string;
  readonly cniArgs?: readonly (readonly [string, string])[] | null;
  readonly capabilityArgs?: Readonly<Record<string, unknown>> | null;
  readonly result: unknown;
}

export interface PluginCall {
  /** The plugin's program. */
  readonly type: string;
  readonly input: string;
  readonly env: Readonly<Record<string, string>>;
}

interface NetworkList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly {
    readonly type: string;
    readonly capabilities?: Readonly<Record<string, boolean>>;
  }[];
}

/** DEL for each plugin, the last one first (CNI spec 1.0.0, section 4). The namespace is gone with its sandbox. */
export function planDetach(attachment: CachedAttachment, binDirs: readonly string[]): readonly PluginCall[] {
  const { containerId, ifName, cniArgs, capabilityArgs, result } = attachment;
  // libcni wrote it out of a configuration that it had checked.
  const { cniVersion, name, plugins } = JSON.parse(atob(attachment.config)) as NetworkList;
  const env = {
    CNI_COMMAND: 'DEL',
    CNI_CONTAINERID: containerId,
    CNI_NETNS: '',
    CNI_IFNAME: ifName,
    CNI_ARGS: (cniArgs ?? []).map(pair => pair.join('=')).join(';'),
    CNI_PATH: binDirs.join(':'),
  };
  return plugins.toReversed().map(plugin => {
    const wanted = Object.entries(capabilityArgs ?? {}).filter(([key]) => plugin.capabilities?.[key]);
    const runtimeConfig = wanted.length > 0 ? { runtimeConfig: Object.fromEntries(wanted) } : {};
    const input = JSON.stringify({ ...plugin, name, cniVersion, prevResult: result, ...runtimeConfig });
    return { type: plugin.type, input, env };
  });
}
