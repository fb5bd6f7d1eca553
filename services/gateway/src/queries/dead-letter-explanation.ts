import type { JobState } from '../domain/job/job.state.js';
import type { DeadLetterRow } from '../projections/dead-letters/rows.js';

/** After one of these a further replay ends in the same way. */
const HOPELESS: ReadonlySet<string> = new Set(['event-missing', 'event-unhandled', 'event-too-large', 'event-invalid']);

/**
 * How a dead letter stands and what to do next, for people.
 * @param job the job that its event belongs to, if it is one's
 */
export function explanationOf(letter: DeadLetterRow, job: JobState): string {
  return [standing(letter), jobNote(letter, job)].filter((sentence) => sentence !== '').join(' ');
}

function standing(letter: DeadLetterRow): string {
  const { consumer, event_name, error_code, error_message } = letter;
  switch (letter.state) {
    case 'open': {
      const again = letter.replays > 0 ? ', also when it was replayed' : '';
      const what = `${consumer} gave up ${event_name}${again}: ${error_message} (${error_code}).`;
      return HOPELESS.has(error_code)
        ? `${what} Another replay by the same build ends in the same way: discard it, or replay it when a build is there that can handle it.`
        : `${what} Mend the cause and replay it, or discard it when nothing more is to be done.`;
    }
    case 'replayed':
      return `${consumer} was asked at ${letter.replayed_at} to handle ${event_name} again and has not answered yet. It answers when it runs, and tries as often as it does with every event.`;
    case 'settled':
      return letter.outcome === 'handled'
        ? `A replay was handled at ${letter.settled_at}: its effect is in the log.`
        : `A replay at ${letter.settled_at} found nothing to do: the effect was in the log already, or the attempt is not the job's any more.`;
    case 'discarded':
      return `It was discarded at ${letter.discarded_at}: nothing more is done about it.`;
  }
}

function jobNote({ state, outcome }: DeadLetterRow, job: JobState): string {
  switch (job.stage) {
    case 'absent':
      return '';
    case 'open':
      return state === 'discarded' ? 'The job goes on without it.' : 'The job has not ended.';
    case 'ended': {
      const end = `The job has ended as ${job.end} and stays so`;
      if (state === 'discarded' || outcome === 'not-current') return `${end}.`;
      return state === 'settled'
        ? `${end}; what the replay made is shown with it.`
        : `${end}; what a replay makes is shown with it.`;
    }
  }
}
