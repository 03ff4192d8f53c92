// Pods that answer over HTTP and UDP with their name, Services before them, and clients on the nodes.
import type { Pod, Service } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import type { TestCluster } from '../support/cluster.ts';
import type { NodeView } from '../support/node-view.ts';
import { waitFor } from '../support/wait-for.ts';

export const HTTP_PORT = 8080;
export const UDP_PORT = 8081;

export class Backends {
  readonly #cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** A server with the label `app`; named as its pod. */
  async createServer(
    name: string,
    app: string,
    nodeName = 'node-1',
    more: object = {},
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<Pod> {
    const args = ['netexec', `--http-port=${HTTP_PORT}`, `--udp-port=${UDP_PORT}`];
    const containers = [
      { image: IMAGES.agnhost, args, ports: [{ name: 'http', containerPort: HTTP_PORT }], ...more },
    ];
    await this.#cluster.createPod(
      name,
      { nodeName, terminationGracePeriodSeconds: 1, containers },
      { labels: { app }, annotations },
    );
    const pod = await this.#cluster.untilRunning(name);
    // The server listens a moment after its process runs.
    const node = await this.#cluster.node(nodeName);
    await waitFor(`${name} to answer`, async () => (await ask(node, `${podIP(pod)}:${HTTP_PORT}`)) === name);
    return pod;
  }

  /** TCP 80 and UDP 90 in front of the servers with this label. */
  async createService(name: string, app: string, spec: Partial<Service['spec']> = {}): Promise<Service> {
    return await this.#cluster.create<Service>('services', name, {
      spec: {
        selector: { app },
        ports: [
          { name: 'http', port: 80, targetPort: HTTP_PORT },
          { name: 'udp', protocol: 'UDP', port: 90, targetPort: UDP_PORT },
        ],
        ...spec,
      },
    });
  }
}

export function podIP(pod: Pod): string {
  return pod.status?.podIP ?? '';
}

export function clusterIP(service: Service): string {
  return service.spec?.clusterIP ?? '';
}

export function nodePort(service: Service, name = 'http'): number {
  return service.spec?.ports?.find(port => port.name === name)?.nodePort ?? 0;
}

/** Which pod answers a new connection from this node; what went wrong otherwise. */
export async function ask(node: NodeView, address: string, path = 'hostname'): Promise<string> {
  const line = `curl --silent --show-error --max-time 2 'http://${address}/${path}' 2>&1 || true`;
  return (await node.shell(line)).trim();
}

/** Answers of many connections, sorted, each once. */
export async function askOften(node: NodeView, address: string, count = 20): Promise<readonly string[]> {
  const line = `for i in $(seq ${count}); do curl --silent --show-error --max-time 2 http://${address}/hostname 2>&1; echo; done`;
  return [...new Set((await node.shell(line)).split('\n').filter(Boolean))].toSorted();
}

/** One datagram from a given port, as a client sends that keeps its socket; the answer or nothing. */
export async function askByUDP(
  node: NodeView,
  address: string,
  port: number,
  sourcePort: number,
): Promise<string> {
  const line = `echo hostname | timeout 2 socat -t 0.5 - UDP4:${address}:${port},sourceport=${sourcePort},reuseaddr 2>&1 || true`;
  return (await node.shell(line)).trim();
}
