import { existsSync } from 'node:fs';
import { errorMessage } from '../lib/errors.ts';
import { type Check, type DoctorContext, fail, ok, type Remark, warn } from './finding.ts';
import { findProgram, readText } from './look.ts';

const OLDEST_CONTAINERD: readonly [number, number] = [1, 6];
const CONTAINERD_CONFIG = '/etc/containerd/config.toml';
const SYSTEMD_IS_RUNNING = '/run/systemd/system'; // sd_booted(3)

export const runtime: Check = {
  name: 'runtime',
  run: async (context, { signal }) => {
    const { config } = context;
    const socket = config.runtime.endpoint.replace(/^unix:\/\//, '');
    const problems = checkContainerdConfig(config);
    if (!existsSync(socket)) {
      const mend =
        findProgram('containerd') === undefined
          ? 'apt-get install containerd'
          : 'systemctl enable --now containerd';
      return [fail(`no runtime listens at ${socket}`, mend), ...problems];
    }
    return [await ask(context, signal), ...problems];
  },
};

export const runc: Check = {
  name: 'runc',
  run: () => {
    const path = findProgram('runc') ?? findProgram('crun');
    return [path === undefined ? fail('no runc: no container can start', 'apt-get install runc') : ok(path)];
  },
};

async function ask({ askRuntime }: DoctorContext, signal: AbortSignal): Promise<Remark> {
  try {
    const { runtimeName, runtimeVersion } = await askRuntime({ signal });
    const [major = 0, minor = 0] = runtimeVersion.replace(/^v/, '').split('.').map(Number);
    const [oldMajor, oldMinor] = OLDEST_CONTAINERD;
    const isOld = major < oldMajor || (major === oldMajor && minor < oldMinor);
    const text = `${runtimeName} ${runtimeVersion}`;
    if (runtimeName === 'containerd' && isOld) {
      return fail(`${text} is older than ${OLDEST_CONTAINERD.join('.')}`, 'apt-get install containerd');
    }
    return ok(text);
  } catch (error) {
    const hint = 'systemctl restart containerd; journalctl -u containerd -n 20';
    return fail(`the runtime does not answer as CRI: ${errorMessage(error)}`, hint);
  }
}

/** What people meet most: a package that ships containerd with its CRI plugin off, and two cgroup drivers. */
function checkContainerdConfig({
  runtime: { cgroupDriver },
  api,
}: DoctorContext['config']): readonly Remark[] {
  const text = readText(CONTAINERD_CONFIG);
  if (text === undefined) return [];
  const remarks: Remark[] = [];
  if (/^\s*disabled_plugins\s*=\s*\[[^\]]*["'](io\.containerd\.grpc\.v1\.)?cri["']/m.test(text)) {
    const mend = `sed -i '/disabled_plugins/d' ${CONTAINERD_CONFIG} && systemctl restart containerd`;
    remarks.push(fail(`${CONTAINERD_CONFIG} switches the CRI plugin off`, mend));
  }
  const isSystemd = /^\s*SystemdCgroup\s*=\s*true/m.test(text);
  const driver = isSystemd ? 'systemd' : 'cgroupfs';
  if (driver !== cgroupDriver) {
    const message = `containerd's cgroup driver is ${driver}, the configuration says ${cgroupDriver}`;
    const isNode = api.kubeconfigPath !== undefined && existsSync(api.kubeconfigPath);
    const mend = isNode ? mendDriver(driver) : `${mendDriver(driver)}; or join first, the cluster may say so`;
    remarks.push(warn(`${message}: two hands in one cgroup tree`, mend));
  }
  return remarks;
}

// Where systemd runs the tree is its own, so there it is the runtime that has to follow.
function mendDriver(ofContainerd: 'systemd' | 'cgroupfs'): string {
  return ofContainerd === 'cgroupfs' && existsSync(SYSTEMD_IS_RUNNING)
    ? `set SystemdCgroup = true for runc in ${CONTAINERD_CONFIG}, then systemctl restart containerd`
    : `set cgroupDriver: ${ofContainerd}`;
}
