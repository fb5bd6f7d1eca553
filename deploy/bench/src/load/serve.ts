// What every load generator's process begins with.

interface Asked {
  readonly id: number;
  readonly ask: unknown;
}

/**
 * Answers what the parent asks, one after the other, until the parent lets go.
 * The parent is `LoadProcess`, whose type parameters name this function's.
 */
export function serve<Ask, Answer>(answer: (ask: Ask) => Promise<Answer>): void {
  const reply = (message: object): void => void process.send?.(message);
  process.on('disconnect', () => process.exit(0));
  process.on('message', ({ id, ask }: Asked) => {
    // The parent and this file name the same type.
    answer(ask as Ask).then(
      (value) => reply({ id, value }),
      (error: unknown) => reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
}
