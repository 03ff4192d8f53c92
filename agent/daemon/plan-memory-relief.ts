/** What the process has done since memory was last given back. */
export interface Work {
  /** CPU time of the time span just past, of one core: 0 to 1 and above. */
  readonly cpuShare: number;
  /** Was any span since then a busy one? */
  readonly hasWorked: boolean;
}

// A node at rest stays below a hundredth; fifty pods starting take a whole core.
const BUSY_SHARE = 0.03;

/** Memory is given back once, in the first quiet span after a busy one: a collection stops the event loop for a moment. */
export function planMemoryRelief({ cpuShare, hasWorked }: Work): 'wait' | 'note work' | 'give back' {
  if (cpuShare >= BUSY_SHARE) return 'note work';
  return hasWorked ? 'give back' : 'wait';
}
