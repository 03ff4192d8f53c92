import { IMAGES } from './images.ts';

export interface ContainerdFacts {
  readonly majorVersion: number;
  /** Without CAP_SYS_RESOURCE nobody may lower an OOM score below its own. */
  readonly mayLowerOomScore: boolean;
  /** Default: cgroupfs. */
  readonly cgroupDriver?: 'cgroupfs' | 'systemd';
}

const CNI_BIN_DIRECTORY = '/usr/lib/cni'; // Debian's containernetworking-plugins

/** config.toml for the containerd of a node; versions before 2 read version 2 of the format, later ones version 3. */
export function buildContainerdConfig(facts: ContainerdFacts): string {
  return facts.majorVersion >= 2 ? version3(facts) : version2(facts);
}

function version2({ mayLowerOomScore, cgroupDriver }: ContainerdFacts): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [${UNUSED_PLUGINS.map(plugin => `"${plugin}"`).join(', ')}]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGES.pause}"
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true
  restrict_oom_score_adj = ${!mayLowerOomScore}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = ${cgroupDriver === 'systemd'}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI_BIN_DIRECTORY}"
    conf_dir = "/etc/cni/net.d"
    max_conf_num = 1
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`;
}

function version3({ mayLowerOomScore, cgroupDriver }: ContainerdFacts): string {
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [${UNUSED_PLUGINS.map(plugin => `"${plugin}"`).join(', ')}]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "${IMAGES.pause}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/containerd/certs.d"

[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true
  restrict_oom_score_adj = ${!mayLowerOomScore}
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        SystemdCgroup = ${cgroupDriver === 'systemd'}
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dir = "${CNI_BIN_DIRECTORY}"
    conf_dir = "/etc/cni/net.d"
    max_conf_num = 1
`;
}

const UNUSED_PLUGINS = [
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.internal.v1.tracing',
  'io.containerd.internal.v1.opt',
  'io.containerd.nri.v1.nri',
];
