import { DeniedError, InvalidError, UnavailableError } from '../lib/errors.ts';

/** Done, or stopped by a signal in good order. */
export const EXIT_OK = 0;
/** The work itself failed. */
export const EXIT_FAILURE = 1;
/** The command line is wrong: unknown command, unknown flag, missing argument. */
export const EXIT_USAGE = 2;
/** The configuration is wrong (sysexits.h EX_CONFIG): starting again without a change cannot help. */
export const EXIT_CONFIG = 78;
/** What is needed cannot be reached now (sysexits.h EX_UNAVAILABLE): the same command may work later. */
export const EXIT_UNAVAILABLE = 69;
/** Credentials are wrong, expired, or may not do it (sysexits.h EX_NOPERM). */
export const EXIT_DENIED = 77;

/** How a command says with which code it ends; without it that is 0, and what it throws has a code of its own. */
export type Exit = (code: number) => void;

const USAGE = 'Usage';

/** For arguments that no parser of the command line could refuse. */
export function usageError(message: string): InvalidError {
  return new InvalidError(message, { code: USAGE });
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UnavailableError) return EXIT_UNAVAILABLE;
  if (error instanceof DeniedError) return EXIT_DENIED;
  if (!(error instanceof InvalidError)) return EXIT_FAILURE;
  return error.code === USAGE ? EXIT_USAGE : EXIT_CONFIG;
}
