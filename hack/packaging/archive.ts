// The tree as archives. Owner, times and order of the files do not depend on who builds, or when.
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KUBERNETES_VERSION, NODELET_VERSION } from '../../agent/config/version.ts';
import { runOk } from '../sandbox/run.ts';

interface ArchiveOptions {
  readonly root: string;
  readonly epochSeconds: number;
  readonly architecture: string;
  /** gzip's, 1 to 9. */
  readonly compressionLevel: number;
  readonly signal: AbortSignal;
}

const DEPENDS = [
  'containerd (>= 1.6) | containerd.io',
  'runc | containerd.io',
  'containernetworking-plugins',
  'iptables',
  'conntrack',
  'kmod',
  'mount',
  'libatomic1',
  'libc6 (>= 2.28)',
  'libstdc++6',
];

export async function writeTarball(path: string, options: ArchiveOptions): Promise<void> {
  const { root, epochSeconds, compressionLevel, signal } = options;
  await mkdir(dirname(path), { recursive: true });
  const flags = [
    '--sort=name',
    `--mtime=@${epochSeconds}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    `--use-compress-program=gzip -n -${compressionLevel}`, // -n: no time in the header
  ];
  await runOk('tar', [...flags, '--create', '--file', path, '--directory', root, '.'], { signal });
}

export async function writeDeb(
  path: string,
  { root, epochSeconds, architecture, compressionLevel, signal }: ArchiveOptions,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const control = join(root, 'DEBIAN');
  await mkdir(control);
  await writeFile(join(control, 'control'), formatControl(architecture));
  await chmod(control, 0o755);
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await writeFile(join(control, name), `#!/bin/sh\nset -e\n${script}`);
    await chmod(join(control, name), 0o755);
  }
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epochSeconds) };
  const scratch = `${path}.${process.pid}`;
  await runOk('find', [root, '-exec', 'touch', '--no-dereference', `--date=@${epochSeconds}`, '{}', '+'], {
    signal,
  });
  await runOk(
    'dpkg-deb',
    ['--root-owner-group', '-Zgzip', `-z${compressionLevel}`, '--build', root, scratch],
    { signal, env },
  );
  await rm(control, { recursive: true }); // the tarball is made from the same tree
  await rename(scratch, path);
}

function formatControl(architecture: string): string {
  return `Package: nodelet
Version: ${NODELET_VERSION}
Architecture: ${architecture}
Maintainer: nodelet developers <nodelet@localhost>
Section: admin
Priority: optional
Depends: ${DEPENDS.join(', ')}
Conflicts: kubelet
Replaces: kubelet
Provides: kubelet (= ${KUBERNETES_VERSION.slice(1)})
Description: kubelet and kube-proxy in one daemon
 Makes a Linux machine a node of a Kubernetes cluster: runs its pods in
 containerd, reports their status, and makes Services reachable.
 .
 After the installation, join a cluster with "nodelet join".
`;
}

const SCRIPTS: Readonly<Record<string, string>> = {
  // A joined node is upgraded by a restart, which pods do not notice.
  postinst: `if [ "$1" = configure ]; then
  mkdir -p /etc/nodelet
  chmod 0750 /etc/nodelet
  [ -e /etc/nodelet/config.yaml ] || cp /usr/share/nodelet/config.yaml /etc/nodelet/config.yaml
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet nodelet.service kubelet.service
    systemctl restart nodelet.service kubelet.service || true
  fi
fi
`,
  // Its pods stay, for the kubelet that may come in its place.
  prerm: `if [ "$1" = remove ] && [ -e /etc/nodelet/kubeconfig ]; then
  echo "nodelet: this machine is a node still, and its pods keep running; 'nodelet leave' would have ended them" >&2
fi
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now --quiet nodelet.service kubelet.service || true
fi
`,
  postrm: `[ -d /run/systemd/system ] && systemctl daemon-reload || true
if [ "$1" = purge ]; then
  rm -rf --one-file-system /etc/nodelet /etc/default/nodelet /var/lib/nodelet /var/cache/nodelet/compiled /run/nodelet
  rmdir --ignore-fail-on-non-empty /var/cache/nodelet 2>/dev/null || true
  rm -f /etc/systemd/system/multi-user.target.wants/nodelet.service
  # Ours is gone by now: whose kubelet is there has its service, and the node's certificates go on being used.
  if [ ! -e /usr/bin/kubelet ]; then
    rm -f /etc/systemd/system/multi-user.target.wants/kubelet.service
    if [ ! -e /etc/kubernetes/kubelet.conf ]; then
      rm -rf --one-file-system /var/lib/kubelet/pki /var/lib/kubelet/image_manager
      rmdir --ignore-fail-on-non-empty /var/lib/kubelet/pods /var/lib/kubelet 2>/dev/null || true
    fi
  fi
fi
`,
};
