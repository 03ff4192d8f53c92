import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, fail, ok, type Remark, warn } from './finding.ts';
import { readText } from './look.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 14;

export const user: Check = {
  name: 'user',
  run: () => {
    const uid = process.getuid?.() ?? 0;
    return [
      uid === 0
        ? ok('root')
        : fail(`this is user ${uid}; nodelet makes cgroups, mounts and networks`, 'sudo'),
    ];
  },
};

export const machine: Check = {
  name: 'machine',
  run: ({ config }) => {
    const remarks: Remark[] = [];
    if (!readText('/etc/machine-id')) {
      remarks.push(fail('/etc/machine-id is empty: nodes cannot be told apart', 'systemd-machine-id-setup'));
    }
    if (/^localhost(\.|$)/.test(config.node.name)) {
      const mend = 'hostnamectl set-hostname NAME, or set --hostname-override';
      remarks.push(fail(`the node would be called ${config.node.name}, as every other such machine`, mend));
    }
    if (!/^[^#\n]*\blocalhost\b/m.test(readText('/etc/hosts') ?? '')) {
      remarks.push(warn('/etc/hosts does not know localhost', "echo '127.0.0.1 localhost' >> /etc/hosts"));
    }
    return remarks.length > 0 ? remarks : [ok(config.node.name)];
  },
};

export const certificates: Check = {
  name: 'certificates',
  run: ({ config: { api, server } }) => {
    const files = [
      ...(api.rotateCertificates ? [join(api.certDir, 'kubelet-client-current.pem')] : []),
      ...(server.tlsCertFile === undefined ? [] : [server.tlsCertFile]),
    ].filter(path => existsSync(path));
    const missing = [server.tlsCertFile, server.tlsPrivateKeyFile, server.clientCAFile].filter(
      path => path !== undefined && !existsSync(path),
    );
    const remarks = [
      ...missing.map(path =>
        fail(`${path} does not exist, the configuration names it`, 'nodelet config show --origin'),
      ),
      ...files.map(path => look(path, Date.now())),
    ];
    return remarks.length > 0 ? remarks : [ok('none of ours yet')];
  },
};

function look(path: string, nowMs: number): Remark {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readText(path) ?? '');
  } catch {
    return fail(`${path} is no certificate`, `rm ${path}, then nodelet join`);
  }
  const { validFromDate, validToDate } = certificate;
  const days = Math.floor((validToDate.getTime() - nowMs) / DAY_MS);
  if (validFromDate.getTime() > nowMs) {
    const message = `${path} is valid from ${validFromDate.toISOString()}: this machine's clock is behind`;
    return fail(message, 'timedatectl set-ntp true');
  }
  if (days < 0) {
    return fail(`${path} expired at ${validToDate.toISOString()}`, 'nodelet join, with a new token');
  }
  if (days < SOON_DAYS)
    return warn(`${path} expires in ${days} days`, 'journalctl -u nodelet | grep certificate');
  return ok(`${path}: ${days} days left`);
}
