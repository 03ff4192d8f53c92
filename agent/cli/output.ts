/** Where a command writes: answers to `out`, complaints to `err`, both with their line ends. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Each line says who complains: these are read in journals and in the output of scripts. */
export function complain({ err }: Output, message: string): void {
  for (const line of message.trimEnd().split('\n')) err(`nodelet: ${line}\n`);
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Columns as wide as their widest cell; the last one is free. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  const formatRow = (row: readonly string[]): string =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map(row => `${formatRow(row)}\n`).join('');
}
