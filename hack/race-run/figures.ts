// What the race measures: its rows, the figures of each, and what each figure is to reach.

export const ROWS = [
  'start',
  'start-config',
  'burst',
  'delete',
  'burst-delete',
  'crash',
  'readiness',
  'config',
  'idle',
  'restart',
  'exec',
  'service-change',
  'service-add',
  'service-connect',
  'service-initial',
  'logs',
  'api-load',
] as const;

export type RowName = (typeof ROWS)[number];

export interface Goal {
  readonly of: 'p50' | 'p99';
  readonly atMost: number;
  /** Of the same statistic of the other; `value`: in the figure's own unit. */
  readonly times: 'kubelet' | 'floor' | 'value';
}

export interface Figure {
  readonly row: RowName;
  readonly title: string;
  readonly unit: 'ms' | 'µs' | 's' | '%' | 'MB' | '1/min' | 'kB/min' | 'ms/GB' | '';
  readonly goals: readonly Goal[];
}

const half = (atMost: number): Goal => ({ of: 'p50', atMost, times: 'kubelet' });
const tail = (atMost: number): Goal => ({ of: 'p99', atMost, times: 'kubelet' });
const exactly = (atMost: number): Goal => ({ of: 'p99', atMost, times: 'value' });

/** How many Services there are in the service rows. */
export type ServiceCount = 1000 | 5000 | 10000;
export const SERVICE_COUNTS: readonly ServiceCount[] = [1000, 5000, 10000];

type ServiceGoals = Readonly<Record<'change' | 'add' | 'connect' | 'initial' | 'memory', number>>;
type ServiceFigures<N extends ServiceCount> = Record<
  `service${'Change' | 'Add' | 'Connect' | 'Initial' | 'Memory'}${N}`,
  Figure
>;

function serviceFigures<N extends ServiceCount>(count: N, goals: ServiceGoals): ServiceFigures<N> {
  const figures: Record<string, Figure> = {
    [`serviceChange${count}`]: {
      row: 'service-change',
      title: `PUT to first packet, ${count} Services`,
      unit: 'ms',
      goals: [half(goals.change)],
    },
    [`serviceAdd${count}`]: {
      row: 'service-add',
      title: `POST to first packet, ${count} Services`,
      unit: 'ms',
      goals: [half(goals.add)],
    },
    [`serviceConnect${count}`]: {
      row: 'service-connect',
      title: `connect() to the last of ${count} Services`,
      unit: 'µs',
      goals: [half(goals.connect)],
    },
    [`serviceInitial${count}`]: {
      row: 'service-initial',
      title: `start to last of ${count} Services`,
      unit: 'ms',
      goals: [half(goals.initial)],
    },
    [`serviceMemory${count}`]: {
      row: 'service-initial',
      title: `anonymous memory, ${count} Services`,
      unit: 'MB',
      goals: [half(goals.memory)],
    },
  };
  return figures as ServiceFigures<N>; // the keys above, with the count at the end
}

export const FIGURES = {
  start: {
    row: 'start',
    title: 'POST to Running',
    unit: 'ms',
    goals: [half(0.6), { of: 'p50', atMost: 1.15, times: 'floor' }],
  },
  startConfig: { row: 'start-config', title: 'POST to Running', unit: 'ms', goals: [half(0.3)] },
  burstWall: { row: 'burst', title: 'first POST to last Running', unit: 'ms', goals: [half(0.75)] },
  burstPod: { row: 'burst', title: 'first POST to each Running', unit: 'ms', goals: [half(0.5)] },
  delete: { row: 'delete', title: 'DELETE to gone', unit: 'ms', goals: [half(0.12)] },
  burstDeleteWall: {
    row: 'burst-delete',
    title: 'first DELETE to last gone',
    unit: 'ms',
    goals: [half(0.6)],
  },
  crash: { row: 'crash', title: 'SIGKILL to running again', unit: 'ms', goals: [half(0.4), tail(0.15)] },
  readinessUp: { row: 'readiness', title: 'file appears to Ready', unit: 'ms', goals: [half(1)] },
  readinessDown: { row: 'readiness', title: 'file goes to not Ready', unit: 'ms', goals: [half(1)] },
  config: { row: 'config', title: 'PATCH to new content', unit: 'ms', goals: [exactly(250)] },
  idleCpu: { row: 'idle', title: 'CPU, of one core', unit: '%', goals: [half(0.1)] },
  idleRss: { row: 'idle', title: 'RSS', unit: 'MB', goals: [half(0.6)] },
  idlePss: { row: 'idle', title: 'PSS', unit: 'MB', goals: [] },
  idleAnonymous: { row: 'idle', title: 'anonymous memory', unit: 'MB', goals: [half(0.6)] },
  restartLease: { row: 'restart', title: 'start to lease renewed', unit: 'ms', goals: [] },
  restartPod: { row: 'restart', title: 'start to new pod Running', unit: 'ms', goals: [half(0.4)] },
  restartWrites: { row: 'restart', title: 'writes to pods that run', unit: '', goals: [exactly(0)] },
  restartRestarts: { row: 'restart', title: 'containers restarted', unit: '', goals: [exactly(0)] },
  restartFlips: { row: 'restart', title: 'pods seen not Ready', unit: '', goals: [exactly(0)] },
  exec: { row: 'exec', title: 'kubectl exec POD -- true', unit: 'ms', goals: [half(1)] },
  ...serviceFigures(1000, { change: 1, add: 0.1, connect: 1, initial: 0.5, memory: 1 }),
  ...serviceFigures(5000, { change: 0.3, add: 0.1, connect: 1, initial: 0.5, memory: 1 }),
  ...serviceFigures(10000, { change: 0.1, add: 0.1, connect: 0.5, initial: 0.5, memory: 0.5 }),
  logRead: { row: 'logs', title: 'kubectl logs of 1 GB', unit: 'ms/GB', goals: [half(1)] },
  logFollow: { row: 'logs', title: 'line written to line seen', unit: 'ms', goals: [exactly(20)] },
  apiRequests: { row: 'api-load', title: 'requests', unit: '1/min', goals: [half(0.5)] },
  apiLinkBytes: { row: 'api-load', title: 'on the wire', unit: 'kB/min', goals: [] },
  apiConnections: { row: 'api-load', title: 'connections', unit: '', goals: [exactly(1)] },
} as const satisfies Record<string, Figure>;

export type FigureName = keyof typeof FIGURES;

export const FIGURE_NAMES: readonly FigureName[] = Object.keys(FIGURES) as FigureName[]; // its own keys, by construction

/** Rows that are not written yet, for either side. */
export const UNWRITTEN_ROWS: Partial<Record<RowName, string>> = {};

/** Rows that nodelet cannot take part in yet; the kubelet runs them alone. */
export const NODELET_CANNOT: Partial<Record<RowName, string>> = {};
