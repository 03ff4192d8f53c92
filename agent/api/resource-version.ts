/** resourceVersions are decimal numbers that grow (official since 1.35); anything else is not compared. */
export function isOlder(candidate: string, reference: string): boolean {
  if (!/^\d+$/.test(candidate) || !/^\d+$/.test(reference)) return false;
  return BigInt(candidate) < BigInt(reference);
}
