import { aggregateFilter } from '@anime/contracts';
import { encodeEvent, provision, type NewEvent } from '@anime/event-store';
import { jetstream, type JetStreamClient, type PubAck } from '@nats-io/jetstream';
import { connect, headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';

/** An event as bytes, before any time is taken. */
export interface RawMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
  readonly id: string;
  /** Of the expectation that it is the first of its aggregate. */
  readonly scope: string;
}

/**
 * The NATS client alone, publishing the bytes and headers of our events, with the same expectation, into a stream of its own
 * with the settings of `ANIME_EVENTS`: the baseline of every append. The client makes no errors in advance for their stacks,
 * as the product's does not: that would cost it two fifths of its time.
 */
export class RawPublisher implements AsyncDisposable {
  readonly #stream: string;
  readonly #root: string;
  readonly #client: JetStreamClient;

  private constructor(
    readonly connection: NatsConnection,
    name: string,
  ) {
    this.#stream = name.toUpperCase();
    this.#root = name;
    this.#client = jetstream(connection);
  }

  /** @param name of the stream and its subjects */
  static async open(natsUrl: string, name = 'raw'): Promise<RawPublisher> {
    const other = {
      progressStream: `${name}_PROGRESS`,
      progressRoot: `${name}-progress`,
      leasesBucket: `${name}_LEASES`,
    };
    await provision({ natsUrl, stream: name.toUpperCase(), root: name, ...other, durables: [] });
    return new RawPublisher(await connect({ servers: natsUrl, noAsyncTraces: true }), name);
  }

  encode(event: NewEvent): RawMessage {
    const encoded = encodeEvent(event, this.#root);
    const block = headers();
    for (const [name, value] of encoded.headers) block.set(name, value);
    const scope = aggregateFilter(this.#root, event.contract.aggregate, event.aggregateId);
    return { subject: encoded.subject, data: encoded.data, headers: block, id: event.id, scope };
  }

  publish({ subject, data, headers: block, id, scope }: RawMessage): Promise<PubAck> {
    return this.#client.publish(subject, data, {
      msgID: id,
      headers: block,
      expect: { streamName: this.#stream, lastSubjectSequence: 0, lastSubjectSequenceSubject: scope },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
  }
}
