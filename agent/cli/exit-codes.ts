/** Done, or stopped by a signal in good order. */
export const EXIT_OK = 0;
/** The work itself failed. */
export const EXIT_FAILURE = 1;
/** The command line is wrong: unknown command, unknown flag, missing argument. */
export const EXIT_USAGE = 2;
/** The configuration is wrong (sysexits.h EX_CONFIG): starting again without a change cannot help. */
export const EXIT_CONFIG = 78;
