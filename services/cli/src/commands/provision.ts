import { provision } from '@anime/event-store';
import { Option, type Command } from 'commander';
import { json } from '../output/table.js';
import type { Surroundings } from '../surroundings.js';
import { useNats, withNats, type NatsOptions } from './nats-options.js';

const HELP = `
Creates the streams, the buckets and the durable consumers that are missing, each durable from the start of the
log. What is there stays as it is, but for a setting that an earlier build gave it; where else it differs from what this
build needs, nothing is made or changed and every difference is named. A nats-server older than 2.11, or without JetStream, is refused. May be run again at any time.
`;

/** `anime provision` */
export function addProvision(root: Command, surroundings: Surroundings): void {
  withNats(root.command('provision'))
    .description('create in NATS what the services need, and check what is there')
    .addOption(
      new Option('--replicas <number>', 'servers of a cluster that each keep the whole log')
        .choices(['1', '3', '5'])
        .default('1'),
    )
    .addHelpText('after', HELP)
    .action(async (options: NatsOptions & { readonly replicas: string }) => {
      const replicas = Number(options.replicas);
      const report = await useNats(surroundings, options, (natsUrl) => provision({ natsUrl, replicas }));
      if (options.json === true) return surroundings.out(json(report));
      for (const thing of report.created) surroundings.out(`created  ${thing}\n`);
      for (const thing of report.updated) surroundings.out(`updated  ${thing}\n`);
      for (const thing of report.found) surroundings.out(`found    ${thing}\n`);
    });
}
