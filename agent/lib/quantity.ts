const FACTOR: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
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

/** Reads a quantity (`100m`, `1.5Gi`, `2e3`) in its base unit: cores, bytes, pieces; undefined when it is none. */
export function parseQuantity(text: string): number | undefined {
  const parts = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (!parts) return undefined;
  const [, digits, exponent, suffix] = parts;
  if (exponent !== undefined) return Number(`${digits}${exponent}`);
  return Number(digits) * (FACTOR[suffix ?? ''] ?? Number.NaN);
}

/** The same in thousandths, rounded up to whole ones as the scheduler does: `100m` is 100, `0.5` is 500. */
export function parseMilliQuantity(text: string): number | undefined {
  const amount = parseQuantity(text);
  // Binary fractions put 0.57 * 1000 a hair above 570: cut the hair before rounding up.
  return amount === undefined ? undefined : Math.ceil(Number((amount * 1000).toPrecision(15)));
}

/** Writes whole amounts with the largest binary suffix that loses nothing: 104857600 is `100Mi`. */
export function formatQuantity(amount: number): string {
  for (const suffix of ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki']) {
    const factor = FACTOR[suffix] ?? 1;
    if (amount >= factor && amount % factor === 0) return `${amount / factor}${suffix}`;
  }
  return String(amount);
}
