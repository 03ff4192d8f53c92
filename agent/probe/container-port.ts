import type { Container, IntOrString } from '../api/objects.ts';

export type PortOutcome =
  | { readonly kind: 'ok'; readonly port: number }
  | { readonly kind: 'invalid'; readonly message: string };

/** A port by number, by its name among the container's ports, or by a number written as text. */
export function resolveContainerPort(port: IntOrString, { ports = [] }: Container): PortOutcome {
  const named = ports.find(({ name }) => name !== undefined && name === port);
  const number = named?.containerPort ?? (typeof port === 'number' ? port : parseNumber(port));
  if (number === undefined) {
    return { kind: 'invalid', message: `strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax` };
  }
  if (number > 0 && number < 65_536) return { kind: 'ok', port: number };
  return { kind: 'invalid', message: `invalid port number: ${number}` };
}

function parseNumber(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}
