import type { Job, JobSummary } from '@anime/contracts/http';
import { shortened, table } from './table.js';

/** Jobs as one line each. The parts that are read of a job are the same in the client's types and in the contract. */
export function jobsTable(jobs: readonly Readonly<JobSummary>[]): string {
  return table(
    ['ID', 'STATUS', 'TYPE', 'ATTEMPT', 'REQUESTED', 'PROMPT'],
    jobs.map((job) => [
      job.id,
      job.status,
      job.type,
      String(job.attempt),
      job.requestedAt,
      shortened(job.prompt ?? '', 50),
    ]),
  );
}

type Shown = Pick<
  Job,
  | 'id'
  | 'status'
  | 'type'
  | 'template'
  | 'prompt'
  | 'seed'
  | 'requestedAt'
  | 'endedAt'
  | 'verdict'
  | 'cancelRequested'
  | 'failure'
  | 'waiting'
>;
type Parts = { readonly [Part in 'attempts' | 'files' | 'scores']: readonly Readonly<Job[Part][number]>[] };

/** A job as a page of text. */
export function describeJob(job: Readonly<Shown> & Parts): string {
  const facts: readonly (readonly [string, string])[] = [
    ['status', `${job.status}${job.cancelRequested ? ' (cancel requested)' : ''}`],
    ['type', `${job.type} by ${job.template.id} version ${job.template.version}`],
    ['prompt', job.prompt ?? 'none'],
    ['seed', String(job.seed)],
    ['requested', job.requestedAt],
    ['ended', job.endedAt ?? 'not yet'],
    ...(job.verdict === null ? [] : [['gate', job.verdict] as const]),
    ...(job.failure === null ? [] : [['failure', `${job.failure.class}: ${job.failure.message}`] as const]),
    ...(job.waiting === null ? [] : [['waits', waitingText(job.waiting)] as const]),
  ];
  const sections = [
    `Job ${job.id}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(10)}${value}`),
    ...section('Attempts', job.attempts.map(attemptLine)),
    ...(job.status === 'failed' ? [`To have it tried again: npm run anime -- jobs retry ${job.id}`] : []),
    ...(job.attempts.some(isUnfiled) ? [`What can be done: npm run anime -- dead-letters list --job ${job.id}`] : []),
    ...section(
      'Files, relative to the library',
      job.files.map((file) => `${file.path}  (${file.role}, ${file.size} bytes)`),
    ),
    ...section(
      'Scores',
      job.scores.flatMap(({ node, index, metrics }) =>
        metrics.map((metric) => `${node}/${index}  ${scoreLine(metric)}`),
      ),
    ),
  ];
  return `${sections.join('\n')}\n`;
}

/** Why it is not with an executor. */
function waitingText({ notBefore, last, next, memoryHeld }: NonNullable<Job['waiting']>): string {
  const time = notBefore === null ? 'for an executor' : `for an executor, from ${notBefore} on`;
  const held = memoryHeld.map(
    ({ executorId, message }) => `; executor ${executorId} has said of such a job: ${message}`,
  );
  const from = last === null ? `${time}${held.join('')}` : time;
  const needs = next === null ? '' : `, ${next.vramGb} GB${next.variant === 'normal' ? '' : ` (${next.variant})`}`;
  return last === null ? from : `${from}${needs}, as attempt ${last.attempt} ended: ${last.class}, ${last.message}`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function isUnfiled({ organiseFailure, organisedAt }: Parts['attempts'][number]): boolean {
  return organiseFailure !== null && organisedAt === null;
}

function filing({ organiseFailure, organisedAt }: Parts['attempts'][number]): string {
  if (organiseFailure === null) return '';
  return organisedAt === null
    ? `, not filed: ${organiseFailure.code}, ${organiseFailure.message}`
    : `, not filed at first (${organiseFailure.code}), filed by a replay at ${organisedAt}`;
}

function attemptLine(one: Parts['attempts'][number]): string {
  const { attempt, status, executorId, failure, decline, cached, variant } = one;
  const where = executorId === null ? '' : ` on executor ${executorId}`;
  const why =
    failure !== null
      ? `: ${failure.class}, ${failure.message}`
      : decline === null
        ? ''
        : `: ${decline.reason}, ${decline.message}`;
  const how = variant === 'low-memory' ? ', with less memory' : '';
  return `${attempt}  ${status}${where}${how}${cached === true ? ', from the cache' : ''}${why}${filing(one)}`;
}

function scoreLine(metric: Job['scores'][number]['metrics'][number]): string {
  return metric.status === 'measured'
    ? `${metric.id} ${metric.value} ${metric.unit}`
    : `${metric.id} unavailable: ${metric.reason}`;
}
