import { connect } from 'node:net';

const INBOX = '_INBOX.anime-probe';

/**
 * Whether the server at this port answers, and JetStream with it. Speaks the few lines of the NATS text protocol that
 * this needs (https://docs.nats.io/reference/reference-protocols/nats-protocol), so that this library needs no client.
 * A server that asks for credentials is judged by its INFO line alone, because the users are the caller's affair.
 */
export function natsAnswers(
  port: number,
  { jetstream, timeoutMs = 1000 }: { jetstream: boolean; timeoutMs?: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = '';
    let greeted = false;
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('utf8');
      if (!greeted) {
        const info = /^INFO (\{.*\})\s*\r\n/.exec(received)?.[1];
        if (info === undefined) return;
        greeted = true;
        const { jetstream: has, auth_required, tls_required } = JSON.parse(info) as Record<string, unknown>;
        if (!jetstream) return finish(true);
        if (has !== true) return finish(false);
        if (auth_required === true || tls_required === true) return finish(true);
        socket.write(
          `CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB ${INBOX} 1\r\nPUB $JS.API.INFO ${INBOX} 0\r\n\r\n`,
        );
      } else if (received.includes('account_info_response')) {
        finish(!received.includes('"error"'));
      } else if (/\r\nNATS\/1\.0 503|^-ERR/m.test(received)) {
        finish(false);
      }
    });
  });
}
