import { unwrap } from '@anime/gateway-client';
import type { Command } from 'commander';
import { describeExecutor, executorsTable } from '../output/executor-text.js';
import { json } from '../output/table.js';
import type { Surroundings } from '../surroundings.js';
import { useGateway, withGateway, type GatewayOptions } from './gateway-options.js';

/** `anime executors …` */
export function addExecutors(root: Command, surroundings: Surroundings): void {
  const executors = root
    .command('executors')
    .description('the ComfyUI servers of a running studio, through its gateway');
  withGateway(executors.command('list'))
    .description('list them by name, with what each does or why it gets no work')
    .action(async (options: GatewayOptions) => {
      const list = await useGateway(surroundings, options, (client) => unwrap(client.GET('/api/anime/executors')));
      if (options.json === true) return surroundings.out(json(list));
      const none = list.executors.length === 0;
      surroundings.out(none ? 'No executor ever registered.\n' : executorsTable(list.executors));
    });
  withGateway(executors.command('show <name>'))
    .description('everything about one executor, by name or id')
    .action(async (id: string, options: GatewayOptions) => {
      const executor = await useGateway(surroundings, options, (client) =>
        unwrap(client.GET('/api/anime/executors/{id}', { params: { path: { id } } })),
      );
      surroundings.out(options.json === true ? json(executor) : describeExecutor(executor));
    });
  withGateway(executors.command('pause <name>'))
    .description('give it no more work; what it has goes on')
    .option('--reason <text>', 'why; stored sealed, shown with the executor')
    .action(async (id: string, options: GatewayOptions & { readonly reason?: string }) => {
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/executors/{id}/pause', { params: { path: { id } }, body })),
      );
      if (options.json === true) return surroundings.out(json(answer));
      surroundings.out(`${id} gets no more work. To give it some again: npm run anime -- executors resume ${id}\n`);
    });
  withGateway(executors.command('resume <name>'))
    .description('give it work again, paused or drained')
    .action(async (id: string, options: GatewayOptions) => {
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/executors/{id}/resume', { params: { path: { id } } })),
      );
      surroundings.out(options.json === true ? json(answer) : `${id} gets work again.\n`);
    });
}
