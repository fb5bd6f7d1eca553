import type { Executor } from '@anime/contracts/http';
import { shortened, table } from './table.js';

/** Executors as one line each. */
export function executorsTable(executors: readonly Readonly<Executor>[]): string {
  return table(
    ['NAME', 'STATE', 'SINCE', 'GPU', 'JOBS', 'WHY'],
    executors.map((executor) => {
      const { since, why } = stateOf(executor);
      return [
        executor.name,
        executor.state,
        since ?? executor.registeredAt,
        executor.devices.map(deviceText).join(', '),
        String(executor.openAttempts.length),
        shortened(why, 60),
      ];
    }),
  );
}

/** An executor as a page of text. */
export function describeExecutor(executor: Readonly<Executor>): string {
  const { since, why } = stateOf(executor);
  const facts: readonly (readonly [string, string])[] = [
    ['id', executor.id],
    ['state', since === undefined ? executor.state : `${executor.state} since ${since}${why === '' ? '' : `: ${why}`}`],
    ['ComfyUI', `${executor.comfyuiVersion}${executor.simulator ? ' (simulator)' : ''}`],
    ...executor.devices.map((device) => ['GPU', deviceText(device)] as const),
    ['environment', executor.environment ?? 'not told'],
    ['registered', executor.registeredAt],
  ];
  const jobs = executor.openAttempts.map(({ jobId, attempt, status }) => `  ${jobId}  attempt ${attempt}, ${status}`);
  const lines = [
    `Executor ${executor.name}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(13)}${value}`),
    ...(jobs.length === 0 ? [] : ['Jobs', ...jobs]),
    ...(executor.state === 'paused' || executor.state === 'drained'
      ? [`To give it work again: npm run anime -- executors resume ${executor.name}`]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Since when it gets no work, and why; of several reasons the gravest. */
function stateOf({ lost, drained, paused }: Readonly<Executor>): { readonly since?: string; readonly why: string } {
  if (lost !== null) return { since: lost.since, why: 'nothing is heard of it, or its ComfyUI does not answer it' };
  if (drained !== null) return { since: drained.since, why: `${drained.reason}, ${drained.message}` };
  if (paused !== null) return { since: paused.since, why: paused.reason?.text ?? '' };
  return { why: '' };
}

function deviceText({ name, vramBytes }: Executor['devices'][number]): string {
  return `${name} ${(vramBytes / 2 ** 30).toFixed(1)} GiB`;
}
