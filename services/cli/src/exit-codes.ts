/** Exit codes of every command. */
export const EXIT = {
  done: 0,
  /** It could not be done; standard error says why and what to do next. */
  failed: 1,
  /** The command line is not right. */
  usage: 2,
} as const;

export const EXIT_HELP = `
Exit codes:
  0  done
  1  could not be done; the message says why and what to do next
  2  the command line is not right
`;
