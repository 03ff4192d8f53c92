// Values of Kubernetes quantities as Quantity.Value and Quantity.MilliValue give them.

import { parseQuantity } from '../lib/quantity.ts';

/** Thousandths, rounded up as Quantity.MilliValue does; 0 for nothing or nonsense (the API server refuses nonsense). */
export function milliValue(text: string | undefined): number {
  return text === undefined ? 0 : ceil((parseQuantity(text) ?? 0) * 1000);
}

/** Whole units, rounded up as Quantity.Value does; 0 for nothing or nonsense. */
export function wholeValue(text: string | undefined): number {
  return text === undefined ? 0 : ceil(parseQuantity(text) ?? 0);
}

// 0.1 + 0.2 style noise must not push a value up to the next integer.
function ceil(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value - rounded) < 1e-6 ? rounded : Math.ceil(value);
}
