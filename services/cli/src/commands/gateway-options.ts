import { types } from 'node:util';
import { createGatewayClient, type GatewayClient } from '@anime/gateway-client';
import { ApiKeyText, Uuid } from '@anime/contracts';
import { InvalidArgumentError, type Command } from 'commander';
import { AdvisedError, messageOf } from '../output/explain.js';
import { DEFAULT_GATEWAY, setting, type Surroundings } from '../surroundings.js';

/** What every command that asks the gateway takes. */
export interface GatewayOptions {
  readonly gateway?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** Adds those options. */
export function withGateway(command: Command): Command {
  return command
    .option('--gateway <url>', `address of the gateway (default: ANIME_GATEWAY, else ${DEFAULT_GATEWAY})`)
    .option(
      '--key <text>',
      'your API key; better set ANIME_API_KEY, as a command line stays in the history of the shell',
    )
    .option('--json', 'print one JSON document instead of text');
}

/**
 * Asks the gateway.
 * @throws AdvisedError when nothing answers at its address, or what is given as a key is none; GatewayError when it answers
 *   with a problem
 */
export async function useGateway<T>(
  surroundings: Surroundings,
  options: GatewayOptions,
  use: (client: GatewayClient) => Promise<T>,
): Promise<T> {
  const url = setting(surroundings, options.gateway, 'ANIME_GATEWAY', DEFAULT_GATEWAY);
  const apiKey = keyOf(surroundings, options);
  try {
    return await use(createGatewayClient(url, { apiKey }));
  } catch (error) {
    // `fetch` rejects with a TypeError when it gets no answer at all, or when the address is none.
    if (!types.isNativeError(error) || error.name !== 'TypeError') throw error;
    const advice = 'Is the studio running (npm start)? Give its address with --gateway or ANIME_GATEWAY.';
    throw new AdvisedError(`The gateway cannot be reached at ${url}: ${messageOf(error)}`, advice, error);
  }
}

/**
 * The id that somebody typed.
 * @param of what it is the id of
 * @param list the command that shows such ids
 */
export function idOf(text: string, of: string, list: string): string {
  const id = Uuid.safeParse(text.toLowerCase());
  if (id.success) return id.data;
  throw new AdvisedError(`${text} is not the id of a ${of}.`, `npm run anime -- ${list} shows the ids.`);
}

/** Reads words with commas, each one of `known`. */
export function wordsOf<Word extends string>(known: readonly Word[]): (text: string) => Word[] {
  return (text) =>
    text.split(',').map((given) => {
      const word = known.find((one) => one === given.trim());
      if (word === undefined) throw new InvalidArgumentError(`${given} is none of ${known.join(', ')}.`);
      return word;
    });
}

/** The key to send, if there is one. What is none is not sent, and not shown either: it may be another secret. */
function keyOf(surroundings: Surroundings, { key }: GatewayOptions): string | undefined {
  const given = setting(surroundings, key, 'ANIME_API_KEY', '').trim();
  if (given === '') return undefined;
  if (ApiKeyText.safeParse(given).success) return given;
  const where = key === undefined ? 'What is in ANIME_API_KEY' : 'What --key gives';
  throw new AdvisedError(
    `${where} is not an API key.`,
    'A key is anime_ and 43 characters; npm run anime -- keys create makes one.',
  );
}

/** Reads an option that is a whole number. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
