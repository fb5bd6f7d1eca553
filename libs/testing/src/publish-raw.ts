import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

/** A message as bytes; the client libraries refuse to send what is not well-formed. */
export interface RawMessage {
  readonly subject: string;
  /** From `NATS/1.0` to the empty line, `\r\n` included. */
  readonly headerBlock: string;
  readonly data?: string;
}

/**
 * Publishes over a connection of its own what no client library would send (NATS client protocol, `HPUB`); returns when
 * the stream that takes the subject has stored it.
 * @param port of a nats-server on this machine
 * @throws when the server refuses it
 */
export async function publishRaw(port: number, { subject, headerBlock, data = '' }: RawMessage): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const bytes = Buffer.byteLength(headerBlock);
  socket.write('CONNECT {"headers":true,"verbose":false,"lang":"test","version":"0"}\r\n');
  const inbox = `_INBOX.${randomUUID()}`;
  socket.write(`SUB ${inbox} 1\r\n`);
  socket.write(`HPUB ${subject} ${inbox} ${bytes} ${bytes + Buffer.byteLength(data)}\r\n${headerBlock}${data}\r\n`);
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes(`MSG ${inbox}`)) break; // the acknowledgement
    if (answer.includes('-ERR')) throw new Error(answer);
  }
  socket.destroy();
}

/**
 * Header blocks that end or mislead the NATS client's own parsing: with an empty body, as that is when it looks at them.
 * The name says what each pretends to be.
 */
export const GARBAGE_HEADERS: Readonly<Record<string, string>> = {
  'a header name with a space': 'NATS/1.0\r\nbad name: x\r\n\r\n',
  'the status of a missing message': 'NATS/1.0 404 Message Not Found\r\n\r\n',
  'the status of no responders': 'NATS/1.0 503\r\n\r\n',
  'the status of an end of batch': 'NATS/1.0 204 EOB\r\n\r\n',
  'a heartbeat': 'NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\n\r\n',
  'headers of the server': 'NATS/1.0\r\nNats-Subject: other\r\nNats-Sequence: 99\r\nNats-Stream: OTHER\r\n\r\n',
};
