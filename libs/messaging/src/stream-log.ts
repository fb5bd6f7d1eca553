import type { EventLog, LogEntry } from '@anime/event-store';
import type { JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** Where a connection comes from: opened in the background, and for ever opened again. */
export interface NatsSource {
  /** The connection once it is up. */
  connected(): Promise<NatsConnection>;
  state(): { readonly connected: boolean; readonly reason: string | null };
}

/** What the transport needs of a log; `JetStreamLog` has it. */
export interface StreamLog extends EventLog, NatsSource {
  readonly stream: string;
  /** What a message that a durable delivered is; only events of these types are fenced. */
  entryOf(message: JsMsg, types: ReadonlySet<string>): Promise<LogEntry>;
}
