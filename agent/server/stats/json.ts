import type { SummaryValue } from './build-summary.ts';

// ECMAScript's JSON.rawJSON, which TypeScript's library does not name yet: a number is written as it stands.
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => unknown };

/** Compact JSON in which integers beyond 2^53 keep every digit. */
export function stringifySummary(value: SummaryValue): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? rawJSON(String(member)) : member,
  );
}
