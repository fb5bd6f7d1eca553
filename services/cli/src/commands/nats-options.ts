import { isProblem } from '@anime/problem-details';
import type { Command } from 'commander';
import { AdvisedError } from '../output/explain.js';
import { DEFAULT_NATS_URL, setting, type Surroundings } from '../surroundings.js';

export interface NatsOptions {
  readonly nats?: string;
  readonly json?: boolean;
}

/** Adds `--nats` and `--json`. */
export function withNats(command: Command): Command {
  return command
    .option('--nats <url>', `address of NATS (default: NATS_URL, else ${DEFAULT_NATS_URL})`)
    .option('--json', 'print one JSON document instead of text');
}

/** Runs a command against NATS; what stands in its way gets the next step as advice. */
export async function useNats<T>(
  surroundings: Surroundings,
  options: NatsOptions,
  use: (natsUrl: string) => Promise<T>,
): Promise<T> {
  const natsUrl = setting(surroundings, options.nats, 'NATS_URL', DEFAULT_NATS_URL);
  try {
    return await use(natsUrl);
  } catch (error) {
    if (!isProblem(error, 'log-unavailable')) throw error;
    const noStream = /stream not found/i.test(error.message);
    const noRight = /does not permit|Authorization Violation/.test(error.message);
    const advice = noStream
      ? 'The streams are not there yet: npm run anime -- provision'
      : noRight
        ? 'Log in as the user who may do this: NATS_URL=nats://provision:<password>@<host>.'
        : 'Is nats-server running? Give its address with --nats or NATS_URL.';
    throw new AdvisedError(error.message, advice, error);
  }
}
