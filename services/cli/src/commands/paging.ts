import { Option, type Command } from 'commander';
import type { Surroundings } from '../surroundings.js';
import { wholeNumber, type GatewayOptions } from './gateway-options.js';

/** What every command takes that lists page by page. */
export interface PageOptions extends GatewayOptions {
  readonly limit?: number;
  readonly cursor?: string;
}

/** Adds those options. */
export function withPage(command: Command): Command {
  return command
    .addOption(new Option('--limit <number>', 'how many').default(20).argParser(wholeNumber(1, 200)))
    .option('--cursor <text>', 'go on with the next page');
}

/** The same for the query of a request. */
export function pageOf({ limit, cursor }: PageOptions): { readonly limit?: number; readonly cursor?: string } {
  return { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) };
}

/** Says how to go on, when there is more. */
export function sayMore(surroundings: Surroundings, nextCursor: string | null): void {
  if (nextCursor !== null) surroundings.err(`There are more: add --cursor ${nextCursor}\n`);
}
