import { setTimeout as delay } from 'node:timers/promises';
import { aggregateFilter } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import {
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type PubAck,
  type StreamExpectations,
} from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { encodeEvent, type EncodedEvent } from '../codec/encode-event.js';
import { checkpointId } from '../codec/stored-message.js';
import type { Appended, Expectation } from '../event-log.js';
import type { NewEvent } from '../event.js';
import { denialOf, isConflict, isUntaken, logProblem, unavailable } from './log-faults.js';
import type { NatsLink } from './nats-link.js';
import { getMessage } from './stored-messages.js';

export interface AppenderOptions {
  readonly stream: string;
  readonly root: string;
  /** How long one acknowledgement may take. */
  readonly ackTimeoutMs: number;
  /** How long to wait for a connection before `log-unavailable`. */
  readonly graceMs: number;
}

/** Sends with the same message id: the first and two after a lost acknowledgement. */
const SENDS = 3;

/** Errors after which nobody knows whether the event is stored. */
const DUPLICATE_IN_PROCESS = 10158;

/** Stores one event after the other; the acknowledgement is the proof that it is durable. */
export class Appender {
  #jetstream: { readonly nc: NatsConnection; readonly client: JetStreamClient } | undefined;

  constructor(
    private readonly link: NatsLink,
    private readonly options: AppenderOptions,
  ) {}

  /**
   * Stores the event, or finds that it is stored. An acknowledgement that does not come (timeout, connection lost) is
   * answered by sending the same message id again: the server then says `duplicate`, or, where it checks the expectation
   * first (2.15), conflict, and the event is found in the log by its id.
   * @throws ProblemError `log-unavailable`, saying so when the event may be stored all the same; `append-conflict`, `log-full`,
   *   `event-too-large`
   */
  async append(event: NewEvent, expect: Expectation | undefined): Promise<Appended> {
    const encoded = encodeEvent(event, this.options.root);
    const scope = expectedSubject(event, encoded, expect, this.options.root);
    let fault: ProblemError | undefined;
    let mayBeStored = false;
    for (let send = 1; send <= SENDS; send += 1) {
      let nc: NatsConnection;
      try {
        nc = await this.link.within(this.options.graceMs);
      } catch (error) {
        fault = logProblem(error, `appending ${event.contract.name}`);
        break;
      }
      try {
        const ack = await this.#publish(nc, event, encoded, expect, scope);
        return { position: ack.seq, duplicate: ack.duplicate };
      } catch (error) {
        if (isConflict(error) && expect !== undefined) return this.#afterConflict(nc, event, expect, scope, error);
        if (!isUncertain(error)) throw logProblem(error, `appending ${event.contract.name}`);
        mayBeStored ||= !isUntaken(error);
        fault = logProblem(error, `appending ${event.contract.name}`);
        // Right after a restart the server may take connections before it takes messages.
        await delay(50 * send);
      }
    }
    const why = fault ?? unavailable(`appending ${event.contract.name}`);
    throw mayBeStored ? unavailable(`${why.message}; it may be stored all the same`, why) : why;
  }

  async #publish(
    nc: NatsConnection,
    event: NewEvent,
    encoded: EncodedEvent,
    expect: Expectation | undefined,
    scope: string,
  ): Promise<PubAck> {
    const envelope = headers();
    for (const [name, value] of encoded.headers) envelope.set(name, value);
    const expectation: Partial<StreamExpectations> = { streamName: this.options.stream };
    if (expect !== undefined) {
      // Only through the client's option: written by hand in the other order, 2.11 skips the check and accepts.
      expectation.lastSubjectSequence = expect.lastPosition;
      if (expect.scope === 'aggregate') expectation.lastSubjectSequenceSubject = scope;
    }
    const acknowledged = this.#client(nc).publish(encoded.subject, encoded.data, {
      msgID: event.id,
      headers: envelope,
      expect: expectation,
      timeout: this.options.ackTimeoutMs,
    });
    return this.link.whileUp(acknowledged);
  }

  #client(nc: NatsConnection): JetStreamClient {
    if (this.#jetstream?.nc !== nc) this.#jetstream = { nc, client: jetstream(nc) };
    return this.#jetstream.client;
  }

  /** A conflict with our own event, stored by a send whose acknowledgement was lost, is success. */
  async #afterConflict(
    nc: NatsConnection,
    event: NewEvent,
    expect: Expectation,
    scope: string,
    cause: Error,
  ): Promise<Appended> {
    let after = expect.lastPosition;
    for (;;) {
      const message = await getMessage(nc, this.link, this.options.stream, { seq: after + 1, next_by_subj: scope });
      if (message === undefined) break;
      if (checkpointId(message) === event.id) return { position: message.position, duplicate: true };
      after = message.position;
    }
    const found = after === expect.lastPosition ? 'something else' : `position ${after}`;
    throw new ProblemError(
      'append-conflict',
      `${event.contract.name} expected position ${expect.lastPosition} last on ${scope}, found ${found}`,
      { cause },
    );
  }
}

function expectedSubject(
  event: NewEvent,
  encoded: EncodedEvent,
  expect: Expectation | undefined,
  root: string,
): string {
  return expect?.scope === 'aggregate'
    ? aggregateFilter(root, event.contract.aggregate, event.aggregateId)
    : encoded.subject;
}

/** Everything but a clear no of the server: timeout, lost connection, JetStream not ready, the same id in process. */
function isUncertain(error: unknown): boolean {
  if (denialOf(error) !== undefined) return false;
  return !(error instanceof JetStreamApiError) || error.code === DUPLICATE_IN_PROCESS;
}
