import { types } from 'node:util';
import { createGatewayClient, unwrap, type GatewayClient } from '@anime/gateway-client';
import { JOB_STATUSES, Uuid, type JobStatus } from '@anime/contracts';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { describeJob, jobsTable } from '../output/job-text.js';
import { AdvisedError, messageOf } from '../output/explain.js';
import { json } from '../output/table.js';
import { DEFAULT_GATEWAY, setting, type Surroundings } from '../surroundings.js';

interface GatewayOptions {
  readonly gateway?: string;
  readonly json?: boolean;
}

interface ListOptions extends GatewayOptions {
  readonly status?: readonly JobStatus[];
  readonly type?: 'image' | 'video';
  readonly text?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** `anime jobs …` */
export function addJobs(root: Command, surroundings: Surroundings): void {
  const jobs = root.command('jobs').description('the jobs of a running studio, through its gateway');
  withGateway(jobs.command('list'))
    .description('list jobs, newest first')
    .addOption(
      new Option('--status <words>', `only these, with commas: ${JOB_STATUSES.join(', ')}`).argParser(statuses),
    )
    .addOption(new Option('--type <type>', 'only these').choices(['image', 'video']))
    .option('--text <words>', 'only those whose prompt holds this')
    .addOption(new Option('--limit <number>', 'how many').default(20).argParser(wholeNumber(1, 200)))
    .option('--cursor <text>', 'go on with the next page')
    .action((options: ListOptions) => list(surroundings, options));
  withGateway(jobs.command('show <id>'))
    .description('everything about one job')
    .action(async (id: string, options: GatewayOptions) => {
      const path = { id: jobId(id) };
      const job = await useGateway(surroundings, options, (client) =>
        unwrap(client.GET('/api/anime/jobs/{id}', { params: { path } })),
      );
      surroundings.out(options.json === true ? json(job) : describeJob(job));
    });
  withGateway(jobs.command('cancel <id>'))
    .description('ask for a job to be cancelled')
    .option('--reason <text>', 'why; stored sealed, shown in the trail of the job')
    .action(async (id: string, options: GatewayOptions & { readonly reason?: string }) => {
      const path = { id: jobId(id) };
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/jobs/{id}/cancel', { params: { path }, body })),
      );
      if (options.json === true) return surroundings.out(json(answer));
      surroundings.out(
        `The wish to cancel ${answer.jobId} is in the log. How it ends: npm run anime -- jobs show ${answer.jobId}\n`,
      );
    });
}

async function list(surroundings: Surroundings, options: ListOptions): Promise<void> {
  const { status, type, text, limit, cursor } = options;
  const query = {
    ...(status === undefined ? {} : { status: [...status] }),
    ...(type === undefined ? {} : { type }),
    ...(text === undefined ? {} : { text }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  const page = await useGateway(surroundings, options, (client) =>
    unwrap(client.GET('/api/anime/jobs', { params: { query } })),
  );
  if (options.json === true) return surroundings.out(json(page));
  surroundings.out(page.jobs.length === 0 ? 'There are no such jobs.\n' : jobsTable(page.jobs));
  if (page.nextCursor !== null) surroundings.err(`There are more: add --cursor ${page.nextCursor}\n`);
}

function withGateway(command: Command): Command {
  return command
    .option('--gateway <url>', `address of the gateway (default: ANIME_GATEWAY, else ${DEFAULT_GATEWAY})`)
    .option('--json', 'print one JSON document instead of text');
}

async function useGateway<T>(
  surroundings: Surroundings,
  options: GatewayOptions,
  use: (client: GatewayClient) => Promise<T>,
): Promise<T> {
  const url = setting(surroundings, options.gateway, 'ANIME_GATEWAY', DEFAULT_GATEWAY);
  try {
    return await use(createGatewayClient(url));
  } catch (error) {
    // `fetch` rejects with a TypeError when it gets no answer at all, or when the address is none.
    if (!types.isNativeError(error) || error.name !== 'TypeError') throw error;
    const advice = 'Is the studio running (npm start)? Give its address with --gateway or ANIME_GATEWAY.';
    throw new AdvisedError(`The gateway cannot be reached at ${url}: ${messageOf(error)}`, advice, error);
  }
}

function jobId(text: string): string {
  const id = Uuid.safeParse(text.toLowerCase());
  if (id.success) return id.data;
  throw new AdvisedError(`${text} is not the id of a job.`, 'npm run anime -- jobs list shows the ids.');
}

function statuses(text: string): JobStatus[] {
  return text.split(',').map((word) => {
    const status = JOB_STATUSES.find((known) => known === word.trim());
    if (status === undefined) throw new InvalidArgumentError(`${word} is none of ${JOB_STATUSES.join(', ')}.`);
    return status;
  });
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
