import { PreviewV1, type Preview } from '@anime/contracts';
import {
  followLive,
  subscribeLive,
  type LiveSubscription,
  type MessagingLogger,
  type NatsSource,
} from '@anime/messaging';

/** Told of the pictures of one job. */
export interface PreviewSink {
  onPreview(preview: Preview): void;
  onInvalid(subject: string, reason: string): void;
}

type Connection = Parameters<typeof subscribeLive>[0];

interface Listener {
  readonly jobId: string;
  readonly sink: PreviewSink;
  subscription: LiveSubscription | undefined;
}

/** Pictures of jobs as they come. Only those of jobs that somebody looks at are asked for: NATS sends no others. */
export class JobPreviews {
  readonly #nats: NatsSource;
  readonly #logger: MessagingLogger;
  readonly #listeners = new Set<Listener>();
  #connection: Connection | undefined;

  constructor(nats: NatsSource, logger: MessagingLogger) {
    this.#nats = nats;
    this.#logger = logger;
  }

  /** Until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const subscribe = (connection: Connection): readonly { stop: () => void }[] => {
      this.#connection = connection;
      for (const listener of this.#listeners) this.#subscribe(listener);
      return [{ stop: () => this.#listeners.forEach(({ subscription }) => subscription?.stop()) }];
    };
    const onTrouble = (reason: string): void =>
      this.#logger.debug({ reason }, 'previews cannot be listened to just now');
    await followLive(this.#nats, subscribe, onTrouble, signal);
  }

  /** Listens to one job. @returns ends that */
  open(jobId: string, sink: PreviewSink): () => void {
    const listener: Listener = { jobId, sink, subscription: undefined };
    this.#listeners.add(listener);
    this.#subscribe(listener);
    return () => {
      this.#listeners.delete(listener);
      listener.subscription?.stop();
    };
  }

  #subscribe(listener: Listener): void {
    // On a connection that has just closed for good it fails; the next one subscribes all.
    if (this.#connection === undefined || this.#connection.isClosed()) return;
    const { jobId, sink } = listener;
    const onPreview = (preview: Preview, subject: string): void => {
      if (preview.jobId === jobId) sink.onPreview(preview);
      else sink.onInvalid(subject, `it is about job ${preview.jobId}`);
    };
    listener.subscription = subscribeLive(this.#connection, PreviewV1, onPreview, {
      params: { jobId },
      onError: (reason, subject) => sink.onInvalid(subject, reason),
    });
  }
}
