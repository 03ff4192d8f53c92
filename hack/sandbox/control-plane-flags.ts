import { join } from 'node:path';

export type ControlPlaneProgram = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler';

/** In starting order. */
export const CONTROL_PLANE_PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const satisfies readonly ControlPlaneProgram[];

export const CLUSTER_DNS = '10.96.0.10';
export const CLUSTER_DOMAIN = 'cluster.local';
export const CLUSTER_CIDR = '10.244.0.0/16';
const SERVICE_CIDR = '10.96.0.0/16';
const CLUSTER_CIDR_6 = 'fd00:10:244::/48';
const SERVICE_CIDR_6 = 'fd00:10:96::/112';

export interface ControlPlaneSpec {
  readonly address: string;
  readonly pkiDirectory: string;
  readonly etcdDirectory: string;
  readonly isDualStack: boolean;
}

/** Command line of a control plane program. Nothing listens but on `address` and loopback. */
export function buildFlags(program: ControlPlaneProgram, spec: ControlPlaneSpec): string[] {
  switch (program) {
    case 'etcd':
      return etcdFlags(spec);
    case 'kube-apiserver':
      return apiserverFlags(spec);
    case 'kube-controller-manager':
      return controllerManagerFlags(spec);
    case 'kube-scheduler':
      return schedulerFlags(spec);
  }
}

function etcdFlags({ etcdDirectory }: ControlPlaneSpec): string[] {
  return [
    `--data-dir=${etcdDirectory}`,
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=default=http://127.0.0.1:2380',
    '--unsafe-no-fsync', // a sandbox need not survive a power cut
    '--log-level=warn',
  ];
}

function apiserverFlags({ address, pkiDirectory, isDualStack }: ControlPlaneSpec): string[] {
  const pki = (file: string) => join(pkiDirectory, file);
  return [
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    '--secure-port=6443',
    '--etcd-servers=http://127.0.0.1:2379',
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--enable-bootstrap-token-auth=true',
    '--allow-privileged=true',
    `--encryption-provider-config=${pki('encryption.yaml')}`,
    `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP,Hostname',
    `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pki('front-proxy-client.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy-client.key')}`,
    '--enable-aggregator-routing=true',
    `--service-account-issuer=https://kubernetes.default.svc.${CLUSTER_DOMAIN}`,
    `--service-account-key-file=${pki('service-account.pub')}`,
    `--service-account-signing-key-file=${pki('service-account.key')}`,
    `--service-cluster-ip-range=${serviceRanges(isDualStack)}`,
    '--profiling=false',
  ];
}

function controllerManagerFlags({ pkiDirectory, isDualStack }: ControlPlaneSpec): string[] {
  const pki = (file: string) => join(pkiDirectory, file);
  return [
    ...clientFlags(pki('controller-manager.kubeconfig')),
    '--controllers=*,bootstrapsigner,tokencleaner',
    '--allocate-node-cidrs=true',
    ...(isDualStack
      ? [
          `--cluster-cidr=${CLUSTER_CIDR},${CLUSTER_CIDR_6}`,
          '--node-cidr-mask-size-ipv4=24',
          '--node-cidr-mask-size-ipv6=64',
        ]
      : [`--cluster-cidr=${CLUSTER_CIDR}`, '--node-cidr-mask-size=24']),
    `--service-cluster-ip-range=${serviceRanges(isDualStack)}`,
    `--cluster-signing-cert-file=${pki('ca.crt')}`,
    `--cluster-signing-key-file=${pki('ca.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    `--service-account-private-key-file=${pki('service-account.key')}`,
    '--use-service-account-credentials=true',
  ];
}

function serviceRanges(isDualStack: boolean): string {
  return isDualStack ? `${SERVICE_CIDR},${SERVICE_CIDR_6}` : SERVICE_CIDR;
}

function schedulerFlags({ pkiDirectory }: ControlPlaneSpec): string[] {
  return clientFlags(join(pkiDirectory, 'scheduler.kubeconfig'));
}

function clientFlags(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false', // alone by construction, and a start without the wait for a lease
    '--profiling=false',
  ];
}
