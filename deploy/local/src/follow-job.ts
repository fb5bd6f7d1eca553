import { ENDED_STATUSES, ViewerMessage } from '@anime/contracts';
import cliProgress from 'cli-progress';
import { WebSocket } from 'ws';

/**
 * Shows the progress of a job in the terminal, as the relay tells it, until the job has ended. Without a terminal one
 * line per tenth.
 * @param relay address of the progress-relay, http://…
 * @throws Error when the job has not ended in time, or the relay closes the connection
 */
export async function followJob(relay: string, jobId: string, limitMs: number): Promise<void> {
  const socket = new WebSocket(`${relay.replace(/^http/, 'ws')}/api/anime/jobs/${jobId}/progress`, {
    perMessageDeflate: false,
  });
  const bar = new cliProgress.SingleBar(
    {
      format: '  {bar} {percentage}%  {status}  {detail}',
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 1_000,
      clearOnComplete: false,
      stopOnComplete: false,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(100, 0, { status: 'requested', detail: '' });
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`job ${jobId} has not ended within ${limitMs / 1000} s`)),
        limitMs,
      );
      socket.on('error', reject);
      socket.on('close', (code) => reject(new Error(`the progress-relay closed the connection (${code})`)));
      socket.on('message', (data) => {
        const message = ViewerMessage.parse(JSON.parse((data as Buffer).toString('utf8')));
        const job = message.type === 'job' ? message.data : message.type === 'reset' ? message.data.job : null;
        const progress =
          message.type === 'progress' ? message.data : message.type === 'reset' ? message.data.progress : null;
        if (progress !== null) {
          const steps = progress.steps === null ? '' : ` ${progress.step}/${progress.steps}`;
          bar.update(Math.round(progress.fraction * 100), {
            detail: `${progress.nodeTitle ?? progress.phase}${steps}`,
          });
        }
        if (job === null) return;
        bar.update({ status: job.status });
        if (!ENDED_STATUSES.includes(job.status)) return;
        if (job.status === 'completed') bar.update(100, { detail: '' });
        clearTimeout(timer);
        resolve();
      });
    });
  } finally {
    bar.stop();
    socket.removeAllListeners('close');
    socket.close();
  }
}
