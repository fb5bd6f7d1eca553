import { ProblemError } from '@anime/problem-details';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { natsFailed } from './nats-faults.js';

/** A connection that somebody else opens and for ever opens again; `JetStreamLog` has one. */
export interface BlobConnection {
  /** The open connection. @throws when NATS is away */
  connection(): Promise<NatsConnection>;
  /** The outcome of a request, or an error as soon as the connection is lost. */
  whileUp<T>(request: Promise<T>): Promise<T>;
}

export interface StoredMessage {
  readonly seq: number;
  /** The server's time, so that clocks of several machines are never compared. */
  readonly time: Date;
  readonly data: Uint8Array;
}

export interface Clients {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

const TIMEOUT_MS = 10_000;

/**
 * The stream of a JetStream object store (ADR-20 of nats-architecture-and-design) and what is asked of it. An object's
 * chunks lie on the subject of its upload, its record, which names the upload, on the subject of its name. Beside those
 * of ADR-20 each unfinished upload has a mark of its own, by which one that a process left behind is found.
 */
export class Bucket {
  readonly stream: string;
  readonly #link: BlobConnection;
  #clients: Clients | undefined;

  constructor(
    link: BlobConnection,
    readonly name: string,
    /** An upload that has not sent anything for this long is taken to be of a process that has died. */
    readonly staleAfterMs = 60 * 60_000,
  ) {
    this.#link = link;
    this.stream = `OBJ_${name}`;
  }

  chunksOf(upload: string): string {
    return `$O.${this.name}.C.${upload}`;
  }

  markOf(upload: string): string {
    return `$O.${this.name}.U.${upload}`;
  }

  recordOf(sha256: string): string {
    // base64url with padding, which Node's own leaves out
    return `$O.${this.name}.M.${Buffer.from(sha256).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`;
  }

  /**
   * One request to NATS.
   * @param doing begins the sentence when it fails
   * @throws ProblemError `storage-failed`
   */
  async ask<T>(doing: string, request: (clients: Clients) => Promise<T>): Promise<T> {
    try {
      const clients = await this.#open();
      return await this.#link.whileUp(request(clients));
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'storage-failed') throw error;
      throw natsFailed(doing, error);
    }
  }

  /**
   * Stores one message; the acknowledgement says that it is durable. Never sent twice: a repeat would change the order.
   * @param expected sequence of the message that must be the last one on the subject; 0: none
   * @returns its sequence
   */
  async publish(subject: string, data: Uint8Array | string, expected?: number): Promise<number> {
    const expect = expected === undefined ? {} : { expect: { lastSubjectSequence: expected } };
    const ack = await this.ask('Storing a blob', ({ js }) =>
      js.publish(subject, data, { timeout: TIMEOUT_MS, retries: 1, ...expect }),
    );
    return ack.seq;
  }

  /** The last message on a subject. */
  async last(subject: string): Promise<StoredMessage | undefined> {
    const found = await this.ask('Looking for a blob', ({ jsm }) =>
      jsm.streams.getMessage(this.stream, { last_by_subj: subject }),
    );
    return found === null ? undefined : { seq: found.seq, time: found.time, data: found.data };
  }

  /** Removes the messages on a subject, or those before a sequence. */
  async purge(subject: string, before?: number): Promise<void> {
    const bound = before === undefined ? {} : { seq: before };
    await this.ask('Removing what is left of a blob', ({ jsm }) =>
      jsm.streams.purge(this.stream, { filter: subject, ...bound }),
    );
  }

  /** The uploads that have a mark: those that are going on, and those that somebody left behind. */
  async marked(): Promise<readonly string[]> {
    const subjects = this.markOf('*');
    const { state } = await this.ask('Looking for what is left of blobs', ({ jsm }) =>
      jsm.streams.info(this.stream, { subjects_filter: subjects }),
    );
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(subjects.length - 1));
  }

  async #open(): Promise<Clients> {
    const nc = await this.#link.connection();
    if (this.#clients?.nc !== nc) {
      const timeout = TIMEOUT_MS;
      this.#clients = {
        nc,
        js: jetstream(nc, { timeout }),
        jsm: await jetstreamManager(nc, { timeout, checkAPI: false }),
      };
    }
    return this.#clients;
  }
}
