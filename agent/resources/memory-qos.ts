import type { Container } from '../api/objects.ts';
import { containerLimits, containerRequests } from './pod-resources.ts';

export interface MemoryThrottling {
  /** Where between request and limit a container is slowed down: 0 to 1. */
  readonly factor: number;
  /** In place of the limit of a container that has none. */
  readonly allocatableBytes: number;
}

const PAGE_BYTES = 4096; // the kernel rounds to its own pages, which are no smaller

/**
 * Files of a container's cgroup (version 2) under the feature gate MemoryQoS (KEP-2570): from memory.high on the kernel
 * takes memory back instead of waiting for the limit. Nothing is protected, which is what memory.min and low would do.
 */
export function buildMemoryQoS(
  { resources }: Container,
  { factor, allocatableBytes }: MemoryThrottling,
): Readonly<Record<string, string>> {
  const request = containerRequests(resources).memoryBytes;
  const limit = containerLimits(resources).memoryBytes;
  const high = request + ((limit || allocatableBytes) - request) * factor;
  const wholePages = Math.floor(high / PAGE_BYTES) * PAGE_BYTES;
  // A container that asks for all it may use, or for nothing, is not slowed down.
  const isThrottled = request !== limit && wholePages > request;
  return {
    'memory.min': '0',
    'memory.low': '0',
    ...(isThrottled ? { 'memory.high': String(wholePages) } : {}),
  };
}
