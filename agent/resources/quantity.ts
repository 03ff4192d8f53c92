// Kubernetes quantities (apimachinery resource.Quantity): a decimal number with an SI, binary or exponent suffix.

const SUFFIX_FACTOR: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The value as a plain number (cores, bytes, pieces); undefined when the text is no quantity. */
export function parseQuantity(text: string): number | undefined {
  const parts = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (!parts) return undefined;
  const [, number = '', exponent, suffix = ''] = parts;
  if (exponent !== undefined) return Number(number) * 10 ** Number(exponent);
  const factor = SUFFIX_FACTOR[suffix];
  return factor === undefined ? undefined : Number(number) * factor;
}

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
