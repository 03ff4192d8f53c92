/** The files and devices of /proc/swaps, whose first line is a heading. */
export function parseSwaps(text: string): readonly string[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap(line => line.split(/\s/)[0] || []);
}
