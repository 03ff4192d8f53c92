// The four node conditions with the kubelet's reasons and messages (kubelet: nodestatus/setters.go).
import type { NodeCondition } from '../api/objects.ts';

export interface NodePressure {
  readonly memory: boolean;
  readonly disk: boolean;
  readonly pid: boolean;
}

export const NO_PRESSURE: NodePressure = { memory: false, disk: false, pid: false };

interface PressureText {
  readonly type: string;
  readonly pressure: keyof NodePressure;
  readonly underPressure: readonly [reason: string, message: string, event: string];
  readonly relaxed: readonly [reason: string, message: string, event: string];
}

const PRESSURES: readonly PressureText[] = [
  {
    type: 'MemoryPressure',
    pressure: 'memory',
    underPressure: [
      'KubeletHasInsufficientMemory',
      'kubelet has insufficient memory available',
      'NodeHasInsufficientMemory',
    ],
    relaxed: [
      'KubeletHasSufficientMemory',
      'kubelet has sufficient memory available',
      'NodeHasSufficientMemory',
    ],
  },
  {
    type: 'DiskPressure',
    pressure: 'disk',
    underPressure: ['KubeletHasDiskPressure', 'kubelet has disk pressure', 'NodeHasDiskPressure'],
    relaxed: ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure', 'NodeHasNoDiskPressure'],
  },
  {
    type: 'PIDPressure',
    pressure: 'pid',
    underPressure: [
      'KubeletHasInsufficientPID',
      'kubelet has insufficient PID available',
      'NodeHasInsufficientPID',
    ],
    relaxed: ['KubeletHasSufficientPID', 'kubelet has sufficient PID available', 'NodeHasSufficientPID'],
  },
];

export interface ConditionInputs {
  readonly nowMs: number;
  readonly pressure: NodePressure;
  /** Whatever keeps the node from being Ready, most basic first; empty when it is Ready. */
  readonly problems: readonly string[];
}

/** Our conditions, Ready last; `lastTransitionTime` is kept while the status stays what it was. */
export function buildConditions(
  previous: readonly NodeCondition[],
  { nowMs, pressure, problems }: ConditionInputs,
): readonly NodeCondition[] {
  const isReady = problems.length === 0;
  const bare: readonly NodeCondition[] = [
    ...PRESSURES.map(text => pressureCondition(text, pressure[text.pressure])),
    {
      type: 'Ready',
      status: isReady ? 'True' : 'False',
      reason: isReady ? 'KubeletReady' : 'KubeletNotReady',
      message: isReady ? 'kubelet is posting ready status' : joinProblems(problems),
    },
  ];
  const now = formatTime(nowMs);
  return bare.map(condition => {
    const before = previous.find(({ type }) => type === condition.type);
    const kept = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return { ...condition, lastHeartbeatTime: now, lastTransitionTime: kept ?? now };
  });
}

/** The reasons of the Normal events that go with a change of conditions (`Node <n> status is now: <reason>`). */
export function findConditionEvents(
  previous: readonly NodeCondition[],
  next: readonly NodeCondition[],
): readonly string[] {
  return next
    .filter(({ type, status }) => previous.find(before => before.type === type)?.status !== status)
    .flatMap(({ type, status }) => {
      // A new node is not Ready yet: no news.
      if (type === 'Ready' && status !== 'True' && previous.length === 0) return [];
      if (type === 'Ready') return status === 'True' ? ['NodeReady'] : ['NodeNotReady'];
      const text = PRESSURES.find(candidate => candidate.type === type);
      if (!text) return [];
      return [(status === 'True' ? text.underPressure : text.relaxed)[2]];
    });
}

/** One problem as it is, several as `[a, b]` without repetition (apimachinery: errors.Aggregate). */
export function joinProblems(problems: readonly string[]): string {
  const distinct = [...new Set(problems)];
  return distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]`;
}

/** metav1.Time: RFC 3339 in whole seconds. */
export function formatTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

function pressureCondition(text: PressureText, isUnderPressure: boolean): NodeCondition {
  const [reason, message] = isUnderPressure ? text.underPressure : text.relaxed;
  return { type: text.type, status: isUnderPressure ? 'True' : 'False', reason, message };
}
