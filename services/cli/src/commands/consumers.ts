import { DURABLES, Slug } from '@anime/contracts';
import { createDurable, listDurables } from '@anime/event-store';
import type { Command } from 'commander';
import { json, table } from '../output/table.js';
import { DEFAULT_STUDIO, setting, type Surroundings } from '../surroundings.js';
import { wantedDurable } from './durable-names.js';
import { useNats, withNats, type NatsOptions } from './nats-options.js';
import { EXIT } from '../exit-codes.js';

interface CreateOptions extends NatsOptions {
  readonly fromNow?: boolean;
  readonly fromStart?: boolean;
  readonly studio?: string;
}

const CREATE_HELP = `
Names: ${DURABLES.map(({ name }) => name).join(', ')},
       executor:<name> for the executor of that name, executor-<id> for the one of that id.
Exactly one of --from-now and --from-start is needed. From the start, events that were handled before are handed out again;
that is safe (every handler looks whether its effect is there) and may take long. From now, events in between are never
handled. A durable that is there is left as it is. Its service takes a new one up within two seconds.
`;

/** `anime consumers …` */
export function addConsumers(root: Command, surroundings: Surroundings): void {
  const consumers = root.command('consumers').description('the durable consumers of the event log');
  withNats(consumers.command('create <name>'))
    .description('create a durable consumer that is missing')
    .option('--from-now', 'only events appended from here on')
    .option('--from-start', 'every event of the log')
    .option('--studio <slug>', `studio that executor:<name> is in (default: ANIME_STUDIO, else ${DEFAULT_STUDIO})`)
    .addHelpText('after', CREATE_HELP)
    .action((name: string, options: CreateOptions, command: Command) => create(surroundings, name, options, command));
  withNats(consumers.command('list'))
    .description('the durable consumers, with what they have still to do')
    .action((options: NatsOptions) => list(surroundings, options));
}

async function create(
  surroundings: Surroundings,
  name: string,
  options: CreateOptions,
  command: Command,
): Promise<void> {
  const wrong = (message: string): never => command.error(`error: ${message}`, { exitCode: EXIT.usage });
  const { fromNow = false, fromStart = false } = options;
  if (fromNow === fromStart) wrong('give exactly one of --from-now and --from-start');
  const studio = Slug.safeParse(setting(surroundings, options.studio, 'ANIME_STUDIO', DEFAULT_STUDIO));
  if (!studio.success) return wrong('the studio must be a kebab-case name');
  const durable = wantedDurable(name, studio.data);
  if (durable === undefined) return wrong(`there is no durable consumer called ${name}`);
  const from = fromNow ? 'now' : 'start';
  const created = await useNats(surroundings, options, (natsUrl) =>
    createDurable(durable.name, { natsUrl, from, ...durable }),
  );
  if (options.json === true)
    return surroundings.out(json({ name: durable.name, created, from: created ? from : null }));
  const start = from === 'now' ? 'from now on' : 'from the start of the log';
  surroundings.out(
    created
      ? `created  durable ${durable.name}, ${start}\n`
      : `found    durable ${durable.name}; nothing was changed\n`,
  );
}

async function list(surroundings: Surroundings, options: NatsOptions): Promise<void> {
  const durables = await useNats(surroundings, options, (natsUrl) => listDurables({ natsUrl }));
  if (options.json === true) return surroundings.out(json({ consumers: durables }));
  const figure = (value: number | null): string => (value === null ? '-' : String(value));
  surroundings.out(
    table(
      ['NAME', 'STATE', 'PENDING', 'UNACKNOWLEDGED', 'DELIVERED TO', 'ACKNOWLEDGED TO', 'PURPOSE'],
      durables.map((durable) => [
        durable.name,
        durable.state,
        figure(durable.pending),
        figure(durable.unacknowledged),
        figure(durable.deliveredTo),
        figure(durable.acknowledgedTo),
        durable.description,
      ]),
    ),
  );
  for (const { name, state } of durables) {
    if (state === 'missing')
      surroundings.err(`${name} is missing: npm run anime -- consumers create ${name} --from-now|--from-start\n`);
  }
}
