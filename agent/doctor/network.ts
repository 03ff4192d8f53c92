import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, fail, ok, type Remark, warn } from './finding.ts';
import { findProgram, listNames, readText } from './look.ts';

const PLUGINS = ['bridge', 'host-local', 'loopback', 'portmap'];
const RESOLVED_CONF = '/run/systemd/resolve/resolv.conf';
const MAX_NAMESERVERS = 3; // resolv.conf(5)

export const cni: Check = {
  name: 'cni',
  run: ({ config: { network } }) => {
    const missing = PLUGINS.filter(
      name => !network.cniBinDirs.some(directory => existsSync(join(directory, name))),
    );
    const remarks: Remark[] = [];
    if (missing.length > 0 && network.manageCNI !== false) {
      const where = network.cniBinDirs.join(' or ');
      const mend = 'apt-get install containernetworking-plugins';
      remarks.push(fail(`no ${missing.join(', ')} in ${where}: pods get no network`, mend));
    }
    const files = listNames(network.cniConfDir).filter(name => /\.(conf|conflist|json)$/.test(name));
    for (const name of files) {
      const path = join(network.cniConfDir, name);
      if (isJson(path)) continue;
      remarks.push(
        fail(`${path} is not valid JSON: the runtime takes no network from it`, `rm ${path}, or mend it`),
      );
    }
    if (files.length === 0 && network.manageCNI === false) {
      const message = `${network.cniConfDir} is empty and manageCNI is false`;
      remarks.push(
        fail(
          `${message}: the node stays not Ready`,
          'install a network add-on, or set nodelet.network.manageCNI: auto',
        ),
      );
    }
    return remarks.length > 0 ? remarks : [ok(files[0] ?? 'nodelet writes the configuration')];
  },
};

export const iptables: Check = {
  name: 'iptables',
  run: () => {
    const path = findProgram('iptables-restore');
    const remarks: Remark[] = [
      path === undefined
        ? fail('no iptables: no masquerading, no Services', 'apt-get install iptables')
        : ok(path),
    ];
    if (findProgram('conntrack') === undefined) {
      const message = 'no conntrack: UDP to a Service may stay with a pod that is gone';
      remarks.push(warn(message, 'apt-get install conntrack'));
    }
    return remarks;
  },
};

export const dns: Check = {
  name: 'dns',
  run: ({ config }) => {
    const path = config.pods.resolvConf;
    if (path === '') return [ok("pods get nothing of the host's")];
    const text = readText(path);
    if (text === undefined)
      return [fail(`${path} does not exist: pods with dnsPolicy Default do not start`, `touch ${path}`)];
    const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = '']) => server);
    if (servers.length === 0)
      return [warn(`${path} names no server`, `echo 'nameserver ADDRESS' >> ${path}`)];
    if (servers.every(isLoopback)) {
      const mend = existsSync(RESOLVED_CONF)
        ? `set resolvConf: ${RESOLVED_CONF}`
        : 'give resolvConf a file with servers that pods can reach';
      return [fail(`${path} names ${servers.join(', ')} alone: within a pod that is the pod itself`, mend)];
    }
    if (servers.length > MAX_NAMESERVERS) {
      return [
        warn(
          `${path} names ${servers.length} servers; the fourth and later are not used`,
          'leave three of them',
        ),
      ];
    }
    return [ok(servers.join(', '))];
  },
};

export const route: Check = {
  name: 'route',
  run: ({ config }) => {
    const isSet = config.node.ips.some(ip => !/^(0\.0\.0\.0|::)$/.test(ip));
    const v4 = (readText('/proc/net/route') ?? '').split('\n').some(line => /^\S+\t00000000\t/.test(line));
    const v6 = (readText('/proc/net/ipv6_route') ?? '')
      .split('\n')
      .some(line => /^0{32} 00 .*(?<! lo)$/.test(line));
    if (isSet) return [ok(`node address: ${config.node.ips.join(', ')}`)];
    if (v4 || v6) return [ok('default route')];
    const message = 'no default route: the address of the node cannot be found';
    return [fail(message, 'ip route add default via GATEWAY, or set --node-ip')];
  },
};

function isLoopback(server: string): boolean {
  return server.startsWith('127.') || server === '::1';
}

function isJson(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, 'utf8'));
    return true;
  } catch {
    return false;
  }
}
