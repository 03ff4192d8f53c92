// The kubelet as a Debian package, as people have it on their nodes: the real one, with the unit that kubeadm wants.
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KUBERNETES_VERSION } from '../../agent/config/version.ts';
import { runOk } from '../../hack/sandbox/run.ts';

const VERSION = `${KUBERNETES_VERSION.slice(1)}-1.1`;

const CONTROL = `Package: kubelet
Version: ${VERSION}
Architecture: all
Maintainer: nobody <nobody@localhost>
Description: Node agent of Kubernetes
`;

const UNIT = `[Unit]
Description=kubelet
Wants=network-online.target
After=network-online.target

[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=/usr/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
`;

/** Writes `kubelet.deb`; `program` is the one that is all of Kubernetes' programs. */
export async function writeKubeletPackage(
  directory: string,
  program: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const root = join(directory, 'kubelet-tree');
  const put = async (path: string, content: string, mode = 0o644): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content, { mode });
  };
  await put('DEBIAN/control', CONTROL);
  await put('DEBIAN/prerm', '#!/bin/sh\nsystemctl disable --now kubelet\n', 0o755);
  await put('DEBIAN/postinst', '#!/bin/sh\nsystemctl daemon-reload\n', 0o755);
  await put('usr/lib/systemd/system/kubelet.service', UNIT);
  await mkdir(join(root, 'usr/bin'));
  await copyFile(program, join(root, 'usr/bin/kubelet'));
  const flags = ['--root-owner-group', '-Znone', '--build'];
  await runOk('dpkg-deb', [...flags, root, join(directory, 'kubelet.deb')], { signal });
  await rm(root, { recursive: true });
}
