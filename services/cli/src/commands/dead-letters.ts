import { unwrap } from '@anime/gateway-client';
import { DEAD_LETTER_STATES, type DeadLetterState } from '@anime/contracts';
import { Option, type Command } from 'commander';
import { deadLettersTable, describeDeadLetter, voidsTable } from '../output/dead-letter-text.js';
import { json } from '../output/table.js';
import type { Surroundings } from '../surroundings.js';
import { idOf, useGateway, withGateway, wordsOf, type GatewayOptions } from './gateway-options.js';
import { pageOf, sayMore, withPage, type PageOptions } from './paging.js';

interface ListOptions extends PageOptions {
  readonly state?: readonly DeadLetterState[];
  readonly consumer?: string;
  readonly job?: string;
}

interface VoidOptions extends PageOptions {
  readonly kind?: 'void' | 'fenced';
}

const HELP = `
A dead letter is an event that a consumer gave up, e.g. because a file could not be written. Nothing is lost: mend the cause,
then replay it, and it is handled as if it had just come. Discard it when nothing more is to be done.
`;

/** `anime dead-letters …` */
export function addDeadLetters(root: Command, surroundings: Surroundings): void {
  const letters = root
    .command('dead-letters')
    .description('events that a consumer gave up, through the gateway')
    .addHelpText('after', HELP);
  withPage(withGateway(letters.command('list')))
    .description('list dead letters, newest first')
    .addOption(
      new Option('--state <words>', `only these, with commas: ${DEAD_LETTER_STATES.join(', ')}`).argParser(
        wordsOf(DEAD_LETTER_STATES),
      ),
    )
    .option('--consumer <name>', 'only what this consumer gave up')
    .option('--job <id>', 'only those of this job')
    .action((options: ListOptions) => list(surroundings, options));
  withGateway(letters.command('show <id>'))
    .description('one dead letter with its event, and what to do next')
    .action(async (id: string, options: GatewayOptions) => {
      const path = { id: letterId(id) };
      const letter = await useGateway(surroundings, options, (client) =>
        unwrap(client.GET('/api/anime/dead-letters/{id}', { params: { path } })),
      );
      surroundings.out(options.json === true ? json(letter) : describeDeadLetter(letter));
    });
  withGateway(letters.command('replay <id>'))
    .description('have its consumer handle the event again')
    .action(async (id: string, options: GatewayOptions) => {
      const path = { id: letterId(id) };
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/dead-letters/{id}/replay', { params: { path } })),
      );
      if (options.json === true) return surroundings.out(json(answer));
      const { deadLetterId } = answer;
      surroundings.out(
        `The replay of ${deadLetterId} is in the log. How it ends: npm run anime -- dead-letters show ${deadLetterId}\n`,
      );
    });
  withGateway(letters.command('discard <id>'))
    .description('want nothing more to be done about it; it cannot be replayed after that')
    .option('--reason <words>', 'why; stored sealed, for people')
    .action(async (id: string, options: GatewayOptions & { readonly reason?: string }) => {
      const path = { id: letterId(id) };
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/dead-letters/{id}/discard', { params: { path }, body })),
      );
      surroundings.out(options.json === true ? json(answer) : `${answer.deadLetterId} is discarded.\n`);
    });
}

/** `anime voids …` */
export function addVoids(root: Command, surroundings: Surroundings): void {
  const voids = root.command('voids').description('messages of the log without effect, through the gateway');
  withPage(withGateway(voids.command('list')))
    .description('list them by position, newest first; they are listed only')
    .addOption(new Option('--kind <kind>', 'only these').choices(['void', 'fenced']))
    .action((options: VoidOptions) => listVoids(surroundings, options));
}

async function list(surroundings: Surroundings, options: ListOptions): Promise<void> {
  const { state, consumer, job } = options;
  const query = {
    ...pageOf(options),
    ...(state === undefined ? {} : { state: [...state] }),
    ...(consumer === undefined ? {} : { consumer }),
    ...(job === undefined ? {} : { aggregateId: idOf(job, 'job', 'jobs list') }),
  };
  const page = await useGateway(surroundings, options, (client) =>
    unwrap(client.GET('/api/anime/dead-letters', { params: { query } })),
  );
  if (options.json === true) return surroundings.out(json(page));
  const none = page.deadLetters.length === 0;
  surroundings.out(none ? 'There are no such dead letters.\n' : deadLettersTable(page.deadLetters));
  sayMore(surroundings, page.nextCursor);
  if (page.deadLetters.some((letter) => letter.state === 'open'))
    surroundings.err('What to do with one that is open: npm run anime -- dead-letters show <id>\n');
}

async function listVoids(surroundings: Surroundings, options: VoidOptions): Promise<void> {
  const query = { ...pageOf(options), ...(options.kind === undefined ? {} : { kind: options.kind }) };
  const page = await useGateway(surroundings, options, (client) =>
    unwrap(client.GET('/api/anime/void-messages', { params: { query } })),
  );
  if (options.json === true) return surroundings.out(json(page));
  const none = page.voidMessages.length === 0;
  surroundings.out(none ? 'Every message of the log has its effect.\n' : voidsTable(page.voidMessages));
  sayMore(surroundings, page.nextCursor);
}

function letterId(text: string): string {
  return idOf(text, 'dead letter', 'dead-letters list');
}
