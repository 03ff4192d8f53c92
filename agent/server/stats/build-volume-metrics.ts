// How full PersistentVolumes are, by their claims (pkg/kubelet/metrics/collectors/volume_stats.go).
import type { FilesystemUsage } from '../../host/disk-usage.ts';
import { formatLabels, formatSample, type MetricFamily } from './metric-text.ts';

export interface ClaimUsage {
  readonly namespace: string;
  readonly claimName: string;
  readonly fs: FilesystemUsage;
}

const FIGURES = [
  ['capacity_bytes', 'Capacity in bytes of the volume', 'capacityBytes'],
  ['available_bytes', 'Number of available bytes in the volume', 'availableBytes'],
  ['used_bytes', 'Number of used bytes in the volume', 'usedBytes'],
  ['inodes', 'Maximum number of inodes in the volume', 'inodes'],
  ['inodes_free', 'Number of free inodes in the volume', 'inodesFree'],
  ['inodes_used', 'Number of used inodes in the volume', 'inodesUsed'],
] as const;

/** A claim that several pods use counts once. */
export function buildVolumeMetrics(usages: readonly ClaimUsage[]): readonly MetricFamily[] {
  const claims = new Map(usages.map(usage => [`${usage.namespace}/${usage.claimName}`, usage]));
  if (claims.size === 0) return [];
  return FIGURES.map(([suffix, help, field]) => {
    const name = `kubelet_volume_stats_${suffix}`;
    const samples = Array.from(claims.values(), ({ namespace, claimName, fs }) =>
      formatSample(name, formatLabels({ namespace, persistentvolumeclaim: claimName }), fs[field]),
    );
    return { name, type: 'gauge', help: `[ALPHA] ${help}`, samples };
  });
}
