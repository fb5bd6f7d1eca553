import { isRecord } from '../graph.js';
import type { Names, NormalFormOptions } from './normal-form.js';
import { normalForm } from './normal-form.js';
import type { RecordedMessage } from './recording.js';

/** One thing a socket heard; for a frame `type` is `binary`. */
export type Heard = RecordedMessage;

/** What a socket heard, in the form in which two runs can be compared. */
export interface EventOrder {
  /** Events in their order. Ticks of progress, whose number depends on the speed, appear once between two others. */
  readonly events: readonly string[];
  /** `queue_remaining` of every status; where they fall between events of others depends on the speed. */
  readonly statuses: readonly unknown[];
}

const TICKS = ['progress', 'progress_state', 'binary'];
const VERDICTS = ['execution_success', 'execution_error', 'execution_interrupted'];

export function eventOrder(heard: readonly Heard[], options: NormalFormOptions, names?: Names): EventOrder {
  const events: string[] = [];
  const statuses: unknown[] = [];
  let ticks: string[] = [];
  let last = '';
  const flush = (): void => {
    events.push(...ticks);
    ticks = [];
  };
  for (const message of heard) {
    if (message.type === 'status') {
      statuses.push(names?.translate(JSON.stringify(message.data)) ?? JSON.stringify(message.data));
      // History is written between the verdict and the end, and status says so: this place is fixed.
      if (VERDICTS.includes(last)) events.push('status');
      continue;
    }
    const token = tokenOf(message, options, names);
    if (TICKS.includes(message.type)) {
      if (!ticks.includes(token)) ticks.push(token);
    } else {
      flush();
      events.push(token);
    }
    last = message.type;
  }
  flush();
  return { events, statuses };
}

/** A message without what depends on speed; of progress only which nodes are in which state. */
function tokenOf({ type, data }: Heard, options: NormalFormOptions, names: Names | undefined): string {
  const rename = (text: string): string => names?.translate(text) ?? text;
  if (type === 'progress_state') {
    const nodes = Object.entries(isRecord(data['nodes']) ? data['nodes'] : {}).map(
      ([id, node]) => `${id} ${isRecord(node) ? String(node['state']) : ''}`,
    );
    return rename(`progress_state ${String(data['prompt_id'])} ${nodes.sort().join(', ')}`);
  }
  if (type === 'progress') return rename(`progress ${String(data['prompt_id'])} ${String(data['node'])}`);
  return rename(`${type} ${JSON.stringify(normalForm(data, options))}`);
}

/** What has to be heard before a client can have acted as it did: everything but ticks and status. */
export const isMilestone = ({ type }: Heard): boolean => type !== 'status' && !TICKS.includes(type);
