import { unwrap } from '@anime/gateway-client';
import { JOB_STATUSES, type JobStatus } from '@anime/contracts';
import { Option, type Command } from 'commander';
import { describeJob, jobsTable } from '../output/job-text.js';
import { json } from '../output/table.js';
import type { Surroundings } from '../surroundings.js';
import { idOf, useGateway, withGateway, wordsOf, type GatewayOptions } from './gateway-options.js';
import { pageOf, sayMore, withPage, type PageOptions } from './paging.js';

interface ListOptions extends PageOptions {
  readonly status?: readonly JobStatus[];
  readonly type?: 'image' | 'video';
  readonly project?: string;
  readonly text?: string;
}

/** `anime jobs …` */
export function addJobs(root: Command, surroundings: Surroundings): void {
  const jobs = root.command('jobs').description('the jobs of a running studio, through its gateway');
  withPage(withGateway(jobs.command('list')))
    .description('list jobs, newest first')
    .addOption(
      new Option('--status <words>', `only these, with commas: ${JOB_STATUSES.join(', ')}`).argParser(
        wordsOf(JOB_STATUSES),
      ),
    )
    .addOption(new Option('--type <type>', 'only these').choices(['image', 'video']))
    .option('--project <name>', 'only those of this project, by slug or id')
    .option('--text <words>', 'only those whose prompt holds this')
    .action((options: ListOptions) => list(surroundings, options));
  withGateway(jobs.command('show <id>'))
    .description('everything about one job')
    .action(async (id: string, options: GatewayOptions) => {
      const path = { id: idOf(id, 'job', 'jobs list') };
      const job = await useGateway(surroundings, options, (client) =>
        unwrap(client.GET('/api/anime/jobs/{id}', { params: { path } })),
      );
      surroundings.out(options.json === true ? json(job) : describeJob(job));
    });
  withGateway(jobs.command('cancel <id>'))
    .description('ask for a job to be cancelled')
    .option('--reason <text>', 'why; stored sealed, shown in the trail of the job')
    .action(async (id: string, options: GatewayOptions & { readonly reason?: string }) => {
      const path = { id: idOf(id, 'job', 'jobs list') };
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/jobs/{id}/cancel', { params: { path }, body })),
      );
      if (options.json === true) return surroundings.out(json(answer));
      surroundings.out(
        `The wish to cancel ${answer.jobId} is in the log. How it ends: npm run anime -- jobs show ${answer.jobId}\n`,
      );
    });
  addRetry(jobs, surroundings);
}

/** Adds the command by which a failed job is tried again. */
function addRetry(jobs: Command, surroundings: Surroundings): void {
  withGateway(jobs.command('retry <id>'))
    .description('ask for a failed job to be tried again')
    .option('--reason <text>', 'why; stored sealed, shown in the trail of the job')
    .action(async (id: string, options: GatewayOptions & { readonly reason?: string }) => {
      const path = { id: idOf(id, 'job', 'jobs list') };
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/jobs/{id}/retry', { params: { path }, body })),
      );
      if (options.json === true) return surroundings.out(json(answer));
      surroundings.out(`${answer.jobId} waits again. What becomes of it: npm run anime -- jobs show ${answer.jobId}\n`);
    });
}

async function list(surroundings: Surroundings, options: ListOptions): Promise<void> {
  const { status, type, project, text } = options;
  const query = {
    ...(status === undefined ? {} : { status: [...status] }),
    ...(type === undefined ? {} : { type }),
    ...(project === undefined ? {} : { project }),
    ...(text === undefined ? {} : { text }),
    ...pageOf(options),
  };
  const page = await useGateway(surroundings, options, (client) =>
    unwrap(client.GET('/api/anime/jobs', { params: { query } })),
  );
  if (options.json === true) return surroundings.out(json(page));
  surroundings.out(page.jobs.length === 0 ? 'There are no such jobs.\n' : jobsTable(page.jobs));
  sayMore(surroundings, page.nextCursor);
}
