// What a person at the two machines types: kubectl on the first, a look at the kernel's files on the second.
import { IMAGES } from '../../hack/sandbox/images.ts';
import type { VirtualMachine } from './virtual-machine.ts';

/** Name, container id, state and restart count of a pod with one container. */
export type ContainerState = readonly [name: string, id: string, state: string, restarts: string];

interface PodOptions {
  readonly resources?: object;
  /** Of the pod as a whole. */
  readonly podResources?: object;
  readonly command?: readonly string[];
  readonly restartPolicy?: 'Always' | 'Never';
}

/** Where a container that was told to end says so, by its pod's name, on the second machine. */
export const ENDED_DIRECTORY = '/var/lib/ended';

// Ends when it is told to, and leaves a note.
const OBEDIENT =
  'trap "cat /proc/sys/kernel/random/boot_id > /ended/$HOSTNAME; exit 0" TERM; while :; do sleep 1 & wait $!; done';

export class Cluster {
  readonly first: VirtualMachine;
  readonly second: VirtualMachine;
  readonly #signal: AbortSignal;

  constructor(first: VirtualMachine, second: VirtualMachine, signal: AbortSignal) {
    this.first = first;
    this.second = second;
    this.#signal = signal;
  }

  async onFirst(script: string): Promise<string> {
    return await this.first.run(script, { signal: this.#signal });
  }

  async onSecond(script: string): Promise<string> {
    return await this.second.run(script, { signal: this.#signal });
  }

  async onBoth(script: string): Promise<void> {
    await Promise.all([this.onFirst(script), this.onSecond(script)]);
  }

  async kubectl(args: string): Promise<string> {
    return await this.onFirst(`kubectl --kubeconfig /etc/kubernetes/admin.conf ${args}`);
  }

  async untilNodeReady(name: string): Promise<void> {
    await this.kubectl(`wait --for=create node/${name} --timeout=60s`);
    await this.kubectl(`wait --for=condition=Ready node/${name} --timeout=120s`);
  }

  async untilPodsReady(namespace: string, names: readonly string[]): Promise<void> {
    const pods = names.map(name => `pod/${name}`).join(' ');
    await this.kubectl(`-n ${namespace} wait --for=condition=Ready ${pods} --timeout=180s`);
  }

  /** A pod of busybox on the second machine. */
  async createPod(
    name: string,
    {
      resources = {},
      podResources,
      command = ['sh', '-c', OBEDIENT],
      restartPolicy = 'Always',
    }: PodOptions = {},
  ): Promise<void> {
    const container = {
      name: 'main',
      image: IMAGES.busybox,
      imagePullPolicy: 'Never',
      command,
      resources,
      volumeMounts: [{ name: 'ended', mountPath: '/ended' }],
    };
    const volumes = [{ name: 'ended', hostPath: { path: ENDED_DIRECTORY, type: 'DirectoryOrCreate' } }];
    const spec = {
      nodeName: 'node-2',
      restartPolicy,
      containers: [container],
      volumes,
      ...(podResources === undefined ? {} : { resources: podResources }),
    };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
    await this.kubectl(`apply -f - <<'END'\n${JSON.stringify(pod)}\nEND`);
  }

  /** The pod's cgroup below /sys/fs/cgroup. */
  async sliceOf(pod: string): Promise<string> {
    return (await this.scopeOf(pod)).replace(/\/cri-containerd-\w+\.scope$/, '');
  }

  /** The cgroup of the pod's container below /sys/fs/cgroup, as the kernel tells it of the first process. */
  async scopeOf(pod: string): Promise<string> {
    const status = `{.status.containerStatuses[0].containerID}`;
    const id = (await this.kubectl(`get pod ${pod} -o jsonpath=${status}`)).replace(/^.*\//, '');
    const pid = `$(ctr -n k8s.io tasks list | awk '$1 == "${id}" { print $2 }')`;
    const path = await this.onSecond(`cat /proc/${pid}/cgroup`);
    return /^0::\/(.*)$/m.exec(path)?.[1] ?? path;
  }

  /** What those files of a cgroup on the second machine hold. */
  async readFiles(cgroup: string, files: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const text = await this.onSecond(`cd /sys/fs/cgroup/${cgroup} && cat ${files.join(' ')}`);
    const values = text.trim().split('\n');
    return Object.fromEntries(files.map((file, index) => [file, values[index] ?? '']));
  }

  /** Of every pod of the cluster, by name. */
  async containers(): Promise<readonly ContainerState[]> {
    const status = '.status.containerStatuses[0]';
    const columns = `{.metadata.name} {${status}.containerID} {${status}.restartCount} {${status}.state}`;
    const path = `{range .items[*]}${columns}{"\\n"}{end}`;
    const text = await this.kubectl(
      `get pods --all-namespaces --sort-by=.metadata.name -o jsonpath='${path}'`,
    );
    return text
      .trim()
      .split('\n')
      .map(line => {
        const [name = '', id = '', restarts = '', ...state] = line.split(' ');
        return [name, id, state.join(' ').startsWith('{"running"') ? 'running' : state.join(' '), restarts];
      });
  }
}
